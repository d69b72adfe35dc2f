#pragma once
// Test equipment: two transports in one process, and what each end saw.

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "Recorder.hpp"
#include "Transport.hpp"

namespace troupe::transport {

/** Listener and packet receiver of one end. */
class RecordingEnd : public Recorder, public TransportListener, public PacketReceiver {
 public:
  std::vector<std::string> candidates;
  int gathered = 0;
  std::vector<TransportState> states;
  std::string reason;
  /** What each change of the network said of the path. */
  std::vector<bool> lostPaths;
  std::vector<std::vector<uint8_t>> rtp;
  std::vector<std::vector<uint8_t>> rtcp;
  bool writable = false;

  struct Message {
    uint32_t channel;
    std::vector<uint8_t> data;
    bool isBinary;
  };
  struct RemoteChannel {
    uint32_t channel;
    std::string label;
    ChannelOptions options;
    std::shared_ptr<ChannelGauge> gauge;
  };
  std::vector<RemoteChannel> remoteChannels;
  std::vector<uint32_t> opened;
  std::vector<uint32_t> low;
  std::vector<uint32_t> closed;
  std::vector<std::string> closeReasons;
  std::vector<Message> messages;

  bool is(TransportState state) const { return !states.empty() && states.back() == state; }

  void onCandidate(const std::string& candidate) override {
    record([&] { candidates.push_back(candidate); });
  }
  void onGathered() override {
    record([&] { ++gathered; });
  }
  void onState(TransportState state, const std::string& why) override {
    record([&] {
      states.push_back(state);
      reason = why;
    });
  }
  void onNetwork(bool isPathLost) override {
    record([&] { lostPaths.push_back(isPathLost); });
  }
  void onChannel(uint32_t channel, const std::string& label, const ChannelOptions& options,
                 std::shared_ptr<ChannelGauge> gauge) override {
    record([&] { remoteChannels.push_back({channel, label, options, std::move(gauge)}); });
  }
  void onChannelOpen(uint32_t channel) override {
    record([&] { opened.push_back(channel); });
  }
  void onMessage(uint32_t channel, std::vector<uint8_t> data, bool isBinary) override {
    record([&] { messages.push_back({channel, std::move(data), isBinary}); });
  }
  void onChannelLow(uint32_t channel) override {
    record([&] { low.push_back(channel); });
  }
  void onChannelClosed(uint32_t channel, const std::string& why) override {
    record([&] {
      closed.push_back(channel);
      closeReasons.push_back(why);
    });
  }
  void receiveRtp(const uint8_t* data, size_t size, int64_t) override {
    record([&] { rtp.emplace_back(data, data + size); });
  }
  void receiveRtcp(const uint8_t* data, size_t size, int64_t) override {
    record([&] { rtcp.emplace_back(data, data + size); });
  }
  void setWritable(bool isWritable) override {
    record([&] { writable = isWritable; });
  }
};

inline std::vector<uint8_t> makeRtp(uint16_t sequence, const std::vector<uint8_t>& payload, uint32_t ssrc = 0x1234) {
  std::vector<uint8_t> packet = {0x80,
                                 111,
                                 static_cast<uint8_t>(sequence >> 8),
                                 static_cast<uint8_t>(sequence),
                                 0,
                                 0,
                                 0,
                                 1,
                                 static_cast<uint8_t>(ssrc >> 24),
                                 static_cast<uint8_t>(ssrc >> 16),
                                 static_cast<uint8_t>(ssrc >> 8),
                                 static_cast<uint8_t>(ssrc)};
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

inline std::vector<uint8_t> makeReceiverReport() { return {0x80, 201, 0, 1, 0, 0, 0x12, 0x34}; }

/** The left end offers, the right end answers. Each has an I/O thread of its own. */
class TransportPair {
 public:
  IoThread leftThread;
  IoThread rightThread;
  RecordingEnd leftEnd;
  RecordingEnd rightEnd;
  std::shared_ptr<Transport> left;
  std::shared_ptr<Transport> right;

  explicit TransportPair(TransportOptions leftOptions = {}, const TransportOptions& rightOptions = {}) {
    leftOptions.controlling = true;
    leftThread.invoke([&] { left = std::make_shared<Transport>(leftThread, leftOptions, leftEnd); });
    rightThread.invoke([&] { right = std::make_shared<Transport>(rightThread, rightOptions, rightEnd); });
    attach(leftThread, *left, leftEnd);
    attach(rightThread, *right, rightEnd);
  }

  ~TransportPair() {
    leftThread.invoke([&] { left->close(); });
    rightThread.invoke([&] { right->close(); });
  }

  TransportParameters parametersOf(IoThread& thread, Transport& transport) {
    TransportParameters parameters;
    thread.invoke([&] { parameters = transport.localParameters(); });
    return parameters;
  }

  /** Offer and answer, without waiting for what comes of it. `change` may spoil what the left end is told. */
  void negotiate(const std::function<void(TransportParameters&)>& change = [](TransportParameters&) {}) {
    const TransportParameters offer = parametersOf(leftThread, *left);
    rightThread.invoke([&] { right->setRemoteParameters(offer); });
    TransportParameters answer = parametersOf(rightThread, *right);
    change(answer);
    leftThread.invoke([&] { left->setRemoteParameters(answer); });
  }

  /** What the left end opened, once it is open. */
  struct OpenChannel {
    uint32_t handle;
    std::shared_ptr<ChannelGauge> gauge;
  };

  OpenChannel openLeft(const std::string& label, const ChannelOptions& options = {}) {
    return open(leftThread, *left, leftEnd, label, options);
  }

  static OpenChannel open(IoThread& thread, Transport& transport, RecordingEnd& end, const std::string& label,
                          const ChannelOptions& options = {}) {
    OpenChannel channel{nextHandle(), std::make_shared<ChannelGauge>()};
    thread.invoke([&] { transport.openChannel(channel.handle, label, options, channel.gauge); });
    end.waitFor([&] { return std::find(end.opened.begin(), end.opened.end(), channel.handle) != end.opened.end(); });
    return channel;
  }

  static void send(IoThread& thread, Transport& transport, const OpenChannel& channel, std::vector<uint8_t> data,
                   bool isBinary = true) {
    REQUIRE(channel.gauge->reserve(data.size()));
    thread.invoke([&] { transport.sendMessage(channel.handle, std::move(data), isBinary); });
  }

  void sendLeft(const OpenChannel& channel, std::vector<uint8_t> data, bool isBinary = true) {
    send(leftThread, *left, channel, std::move(data), isBinary);
  }

  void connect() {
    negotiate();
    leftEnd.waitFor([&] { return leftEnd.is(TransportState::connected) && leftEnd.writable; });
    rightEnd.waitFor([&] { return rightEnd.is(TransportState::connected) && rightEnd.writable; });
  }

 private:
  static void attach(IoThread& thread, Transport& transport, RecordingEnd& end) {
    // The pair outlives its transports, so the end is not owned here.
    thread.invoke([&] { transport.attach(std::shared_ptr<PacketReceiver>(&end, [](PacketReceiver*) {})); });
  }
};

}  // namespace troupe::transport
