#pragma once
// Two peers of one engine in simulated time, joined by a wire that can lose, delay and count.

#include <cmath>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "Engine.hpp"

namespace troupe {

/** One way between two peers. Packets arrive when `run` reaches their time. */
class TestWire final : public PacketSender {
 public:
  TestWire(std::weak_ptr<Peer> to, const int64_t& nowUs) : to_(std::move(to)), nowUs_(nowUs) {}

  bool sendRtp(const uint8_t* data, size_t size) override { return send({data, data + size}, false); }
  bool sendRtcp(const uint8_t* data, size_t size) override { return send({data, data + size}, true); }

  void run() {
    while (!queue_.empty() && queue_.front().atUs <= nowUs_) {
      const Packet packet = std::move(queue_.front());
      queue_.pop_front();
      const auto to = to_.lock();
      if (!to) continue;
      if (packet.isRtcp) to->receiveRtcp(packet.bytes.data(), packet.bytes.size(), packet.atUs);
      else to->receiveRtp(packet.bytes.data(), packet.bytes.size(), packet.atUs);
    }
  }

  /** Sees each RTP packet as it is sent. */
  std::function<void(const RtpPacket&)> onRtp = [](const RtpPacket&) {};
  /** Tells whether the RTP packet with this number, from 0, is lost. */
  std::function<bool(size_t)> loses = [](size_t) { return false; };
  int64_t delayUs = 5'000;
  size_t rtpPackets = 0;
  std::vector<std::vector<uint8_t>> rtcp;

 private:
  struct Packet {
    int64_t atUs;
    bool isRtcp;
    std::vector<uint8_t> bytes;
  };

  bool send(std::vector<uint8_t> bytes, bool isRtcp) {
    if (isRtcp) rtcp.push_back(bytes);
    RtpPacket packet;
    if (!isRtcp && RtpPacket::parse(bytes, packet) == RtpParseError::none) onRtp(packet);
    if (!isRtcp && loses(rtpPackets++)) return true;
    queue_.push_back({nowUs_ + delayUs, isRtcp, std::move(bytes)});
    return true;
  }

  const std::weak_ptr<Peer> to_;
  const int64_t& nowUs_;
  std::deque<Packet> queue_;
};

inline const CodecParameters kOpus{111, "opus", 48'000, 2};
inline const CodecParameters kVideo{96, "vp8", 90'000, 1};

/** Takes what the engine delivers and counts it. */
struct EngineBench {
  Engine engine{{1, true}, [] {}};
  int64_t nowUs = 1'000'000;
  uint32_t near = engine.createPeer();
  uint32_t far = engine.createPeer();
  std::shared_ptr<TestWire> out = std::make_shared<TestWire>(engine.peer(far), nowUs);
  std::shared_ptr<TestWire> back = std::make_shared<TestWire>(engine.peer(near), nowUs);
  std::vector<int16_t> heard;
  std::vector<std::vector<double>> events;
  size_t concealed = 0;

  EngineBench() {
    engine.peer(near)->wire()->setSender(out);
    engine.peer(far)->wire()->setSender(back);
    engine.peer(near)->setWritable(true);
    engine.peer(far)->setWritable(true);
  }

  /** `each` runs before every tick. */
  void pass(int ms, const std::function<void()>& each = [] {}) {
    for (const int64_t end = nowUs + ms * 1'000; nowUs < end; nowUs += kTickUs) {
      each();
      out->run();
      back->run();
      engine.tick(nowUs);
      Batch batch;
      while (engine.batches().take(batch)) take(batch);
    }
  }

  void take(const Batch& batch) {
    for (size_t at = 0; at < batch.records.size(); at += kRecordStride) {
      const auto record = batch.records.begin() + static_cast<ptrdiff_t>(at);
      if (*record != static_cast<double>(RecordKind::frame)) {
        events.emplace_back(record, record + kRecordStride);
        continue;
      }
      const auto begin = batch.pcm.begin() + static_cast<ptrdiff_t>(record[2]);
      heard.insert(heard.end(), begin, begin + static_cast<ptrdiff_t>(record[3]));
      if (record[5] != 0) ++concealed;
    }
  }

  uint32_t send(uint32_t peer, uint32_t ssrc, OpusParameters opus = {}) {
    SenderOptions options;
    options.mid = "a";
    options.ssrc = ssrc;
    options.cname = "near";
    options.codec = kOpus;
    options.opus = opus;
    options.nack = true;
    return engine.createSender(peer, options);
  }

  uint32_t receive(uint32_t peer, uint32_t ssrc, CodecParameters codec = kOpus) {
    ReceiverOptions options;
    options.kind = codec.name == "opus" ? MediaKind::audio : MediaKind::video;
    options.mid = "a";
    options.ssrcs = {ssrc};
    options.codecs = {codec};
    // Video is forwarded here, and then the far side's requests are looked at.
    options.nack = options.kind == MediaKind::audio;
    return engine.createReceiver(peer, options);
  }

  void listen(uint32_t producer, int rateHz = 16'000) {
    engine.bindSink(engine.createSink({rateHz, 1}, 10), producer);
  }

  size_t eventsOf(RecordKind kind) const {
    size_t count = 0;
    for (const auto& event : events) count += event[0] == static_cast<double>(kind) ? 1 : 0;
    return count;
  }

  Engine::PeerStats stats(uint32_t peer) const { return engine.peerStats(peer); }
};

/** Keeps a source full of a tone. */
class Talker {
 public:
  Talker(Engine& engine, uint32_t source) : source_(engine.source(source)) {}
  void operator()() {
    std::vector<int16_t> pcm(480);
    for (int16_t& sample : pcm) sample = static_cast<int16_t>(8'000 * std::sin(0.05 * static_cast<double>(place_++)));
    source_.write(pcm);
  }

 private:
  Source& source_;
  size_t place_ = 0;
};

}  // namespace troupe
