#pragma once
// Test equipment: the data channels of two ends, joined by a link that sees each SCTP packet.

#include <doctest/doctest.h>
#include <usrsctp.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "DataChannels.hpp"
#include "Recorder.hpp"

namespace troupe::transport {

/** An SCTP packet (RFC 9260, section 3) on its way, to be read and changed. */
class SctpPacket {
 public:
  static constexpr uint8_t kData = 0;
  static constexpr uint8_t kInit = 1;
  static constexpr uint8_t kInitAck = 2;
  static constexpr uint8_t kReconfigure = 130;

  explicit SctpPacket(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  bool holds(uint8_t type) const { return offsetOf(type).has_value(); }

  /** What INIT and INIT ACK say of the streams that their sender takes. */
  void setIncomingStreams(uint16_t streams) {
    for (const uint8_t type : {kInit, kInitAck}) {
      const auto at = offsetOf(type);
      if (!at) continue;
      bytes_[*at + 14] = static_cast<uint8_t>(streams >> 8);
      bytes_[*at + 15] = static_cast<uint8_t>(streams);
      std::memset(&bytes_[8], 0, 4);
      const uint32_t checksum = usrsctp_crc32c(bytes_.data(), bytes_.size());
      std::memcpy(&bytes_[8], &checksum, sizeof checksum);
    }
  }

 private:
  static constexpr size_t kHeaderBytes = 12;

  std::optional<size_t> offsetOf(uint8_t type) const {
    size_t at = kHeaderBytes;
    while (at + 4 <= bytes_.size()) {
      if (bytes_[at] == type) return at;
      const size_t length = static_cast<size_t>(bytes_[at + 2] << 8 | bytes_[at + 3]);
      at += std::max<size_t>(4, (length + 3) / 4 * 4);
    }
    return std::nullopt;
  }

  std::vector<uint8_t> bytes_;
};

/** What one end of the link saw. */
class LinkEnd : public Recorder, public ChannelListener {
 public:
  struct Message {
    uint32_t channel;
    std::vector<uint8_t> data;
  };
  struct Remote {
    uint32_t channel;
    ChannelOptions options;
    std::shared_ptr<ChannelGauge> gauge;
  };
  std::map<std::string, Remote> remote;
  std::vector<uint32_t> opened;
  std::vector<uint32_t> closed;
  std::vector<std::string> closeReasons;
  std::vector<Message> messages;

  void onChannel(uint32_t channel, const std::string& label, const ChannelOptions& options,
                 std::shared_ptr<ChannelGauge> gauge) override {
    record([&] { remote[label] = {channel, options, std::move(gauge)}; });
  }
  void onChannelOpen(uint32_t channel) override {
    record([&] { opened.push_back(channel); });
  }
  void onChannelMessage(uint32_t channel, std::vector<uint8_t> data, bool) override {
    record([&] { messages.push_back({channel, std::move(data)}); });
  }
  void onChannelLow(uint32_t) override {}
  void onChannelClosed(uint32_t channel, const std::string& reason) override {
    record([&] {
      closed.push_back(channel);
      closeReasons.push_back(reason);
    });
  }

  bool isOpen(uint32_t channel) const { return std::ranges::find(opened, channel) != opened.end(); }
  bool isClosed(uint32_t channel) const { return std::ranges::find(closed, channel) != closed.end(); }
};

/** Two ends without ICE and DTLS. The left one is the DTLS client and so has the even ids. */
class DataChannelLink {
 public:
  /** Sees what an end sends, on its thread; false loses it. */
  using Filter = std::function<bool(SctpPacket&)>;

  struct Side {
    IoThread thread;
    Drops drops;
    LinkEnd end;
    Filter filter;
    std::unique_ptr<DataChannels> channels;

    /** Opens a channel; it may not be open yet. */
    uint32_t open(const std::string& label, const ChannelOptions& options = {}) {
      const uint32_t handle = nextHandle();
      gauges[handle] = std::make_shared<ChannelGauge>();
      thread.invoke([&] { channels->open(handle, label, options, gauges[handle]); });
      return handle;
    }
    void send(uint32_t channel, std::vector<uint8_t> data) {
      thread.invoke([&] { channels->send(channel, std::move(data), true); });
    }
    void close(uint32_t channel) {
      thread.invoke([&] { channels->close(channel); });
    }
    /** From now on; null lets everything pass. */
    void setFilter(Filter wanted) {
      thread.invoke([&] { filter = std::move(wanted); });
    }
    size_t channelCount() {
      size_t count = 0;
      thread.invoke([&] { count = channels->stats().size(); });
      return count;
    }

    std::map<uint32_t, std::shared_ptr<ChannelGauge>> gauges;
  };

  Side left;
  Side right;

  DataChannelLink() {
    make(left, right);
    make(right, left);
  }

  ~DataChannelLink() {
    // Neither sends to the other any more when the first of them goes.
    left.setFilter([](SctpPacket&) { return false; });
    right.setFilter([](SctpPacket&) { return false; });
    left.thread.invoke([&] { left.channels.reset(); });
    right.thread.invoke([&] { right.channels.reset(); });
    left.thread.invoke([] {});
  }

  void connect(size_t maximumMessageBytes = kMaximumMessageBytes) {
    left.thread.invoke([&] { left.channels->start(true, kSctpPort, maximumMessageBytes); });
    right.thread.invoke([&] { right.channels->start(false, kSctpPort, maximumMessageBytes); });
  }

  /** Opens a channel at the left end, and waits until both ends have it open. */
  uint32_t openBoth(const std::string& label) {
    const uint32_t handle = left.open(label);
    left.end.waitFor([&] { return left.end.isOpen(handle); });
    right.end.waitFor([&] { return right.end.remote.contains(label); });
    return handle;
  }

 private:
  static void make(Side& from, Side& to) {
    from.thread.invoke([&] {
      from.channels = std::make_unique<DataChannels>(from.thread, from.drops, from.end,
                                                     [&from, &to](const uint8_t* data, size_t size) {
                                                       SctpPacket packet({data, data + size});
                                                       if (from.filter && !from.filter(packet)) return;
                                                       to.thread.post([&to, bytes = packet.bytes()] {
                                                         if (to.channels) to.channels->receive(bytes.data(), bytes.size());
                                                       });
                                                     });
    });
  }
};

}  // namespace troupe::transport
