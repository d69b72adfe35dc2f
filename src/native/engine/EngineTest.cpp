// Two peers of one engine in simulated time, joined by a wire that can lose, delay and count.
#include "Engine.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <deque>
#include <functional>
#include <future>

#include "AudioLevelMeter.hpp"
#include "RtcpBuilder.hpp"
#include "RtcpParser.hpp"
#include "RtpPacketBuilder.hpp"

using namespace troupe;

namespace {

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

const CodecParameters kOpus{111, "opus", 48'000, 2};
const CodecParameters kVideo{96, "vp8", 90'000, 1};

struct Bench {
  Engine engine{{1, true}, [] {}};
  int64_t nowUs = 1'000'000;
  uint32_t near = engine.createPeer();
  uint32_t far = engine.createPeer();
  std::shared_ptr<TestWire> out = std::make_shared<TestWire>(engine.peer(far), nowUs);
  std::shared_ptr<TestWire> back = std::make_shared<TestWire>(engine.peer(near), nowUs);
  std::vector<int16_t> heard;
  std::vector<std::vector<double>> events;
  size_t concealed = 0;

  Bench() {
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

std::vector<uint8_t> videoPacket(uint16_t sequenceNumber, uint32_t ssrc) {
  std::vector<uint8_t> bytes(200);
  RtpHeader header;
  header.payloadType = kVideo.payloadType;
  header.sequenceNumber = sequenceNumber;
  header.timestamp = 1'000;
  header.ssrc = ssrc;
  RtpPacketBuilder builder(bytes, header);
  builder.payload();
  bytes.resize(builder.finish(100));
  return bytes;
}

class Requests final : public RtcpVisitor {
 public:
  void onNack(uint32_t, uint32_t mediaSsrc, uint16_t sequenceNumber) override {
    asked.emplace_back(mediaSsrc, sequenceNumber);
  }
  std::vector<std::pair<uint32_t, uint16_t>> asked;
};

class PictureLosses final : public RtcpVisitor {
 public:
  void onPictureLoss(uint32_t, uint32_t mediaSsrc) override { asked.push_back(mediaSsrc); }
  std::vector<uint32_t> asked;
};

}  // namespace

TEST_SUITE("Engine") {
  TEST_CASE("loses no sample over a clean wire") {
    Bench bench;
    const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
    bench.engine.setSenderProducer(bench.send(bench.near, 1), source);
    bench.listen(bench.receive(bench.far, 1));
    Talker talk(bench.engine, source);
    bench.pass(30'000, talk);
    CHECK(bench.heard.size() >= 16 * (30'000 - 60));
    CHECK(bench.concealed == 0);
    const auto near = bench.stats(bench.near);
    const auto far = bench.stats(bench.far);
    // The last packets are still on the wire.
    CHECK(near.outbound[0].packetsSent - far.inbound[0].packetsReceived <= 1);
    CHECK(far.inbound[0].packetsLost == 0);
    CHECK(near.outbound[0].roundTripTime == doctest::Approx(0.01).epsilon(0.3));
  }

  TEST_CASE("gets lost packets again by NACK, in time to be played") {
    Bench bench;
    bench.out->loses = [](size_t packet) { return packet % 20 == 7; };
    const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
    OpusParameters opus;
    opus.fec = false;
    bench.engine.setSenderProducer(bench.send(bench.near, 1, opus), source);
    bench.listen(bench.receive(bench.far, 1));
    Talker talk(bench.engine, source);
    bench.pass(20'000, talk);
    const auto near = bench.stats(bench.near);
    const auto far = bench.stats(bench.far);
    CHECK(near.outbound[0].retransmittedPacketsSent >= 45);
    CHECK(far.inbound[0].retransmittedPacketsReceived >= 45);
    CHECK(far.inbound[0].nackCount >= 45);
    CHECK(far.inbound[0].packetsLost <= 5);
    // Only of the first losses, before the delay was made for them; there are 50.
    CHECK(bench.concealed <= 12);
  }

  TEST_CASE("hears what is lost from the redundant copies in the next packets") {
    Bench bench;
    bench.out->loses = [](size_t packet) { return packet % 10 == 3; };
    const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
    SenderOptions sending;
    sending.mid = "a";
    sending.ssrc = 1;
    sending.codec = kOpus;
    sending.opus.fec = false;
    sending.redundancy = SenderOptions::Redundancy{63, 1};
    bench.engine.setSenderProducer(bench.engine.createSender(bench.near, sending), source);
    ReceiverOptions receiving;
    receiving.mid = "a";
    receiving.ssrcs = {1};
    receiving.codecs = {CodecParameters{63, "red", 48'000, 2, 111}, kOpus};
    const uint32_t receiver = bench.engine.createReceiver(bench.far, receiving);
    bench.listen(receiver);
    Talker talk(bench.engine, source);
    bench.pass(20'000, talk);
    const auto inbound = bench.stats(bench.far).inbound[0];
    CHECK(inbound.packetsLost >= 95);
    CHECK(inbound.fecPacketsReceived >= 800);
    CHECK(inbound.fecPacketsReceived - inbound.fecPacketsDiscarded >= 90);
    // Only of the first losses, before the delay was made for them.
    CHECK(bench.concealed <= 6);
  }

  TEST_CASE("gets lost packets again over a retransmission stream, found by its SSRC or by its payload type") {
    for (const bool isSignalled : {true, false}) {
      CAPTURE(isSignalled);
      Bench bench;
      bench.out->loses = [](size_t packet) { return packet % 20 == 7; };
      const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
      SenderOptions sending;
      sending.mid = "a";
      sending.ssrc = 1;
      sending.codec = kOpus;
      sending.opus.fec = false;
      sending.nack = true;
      sending.retransmission = SenderOptions::Retransmission{2, 112};
      bench.engine.setSenderProducer(bench.engine.createSender(bench.near, sending), source);
      ReceiverOptions receiving;
      receiving.mid = "a";
      receiving.ssrcs = {1};
      receiving.codecs = {kOpus, CodecParameters{112, "rtx", 48'000, 2, 111}};
      receiving.nack = true;
      if (isSignalled) receiving.retransmissionSsrcs = {{1, 2}};
      bench.listen(bench.engine.createReceiver(bench.far, receiving));
      Talker talk(bench.engine, source);
      bench.pass(20'000, talk);
      const auto inbound = bench.stats(bench.far).inbound;
      REQUIRE(inbound.size() == 1);
      CHECK(inbound[0].retransmittedPacketsReceived >= 45);
      CHECK(inbound[0].packetsLost <= 5);
      CHECK(bench.concealed <= 12);
    }
  }

  TEST_CASE("hears G.711") {
    for (const char* name : {"pcmu", "pcma"}) {
      Bench bench;
      const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
      SenderOptions sending;
      sending.mid = "a";
      sending.ssrc = 1;
      sending.codec = {static_cast<uint8_t>(name[3] == 'u' ? 0 : 8), name, 8'000, 1};
      bench.engine.setSenderProducer(bench.engine.createSender(bench.near, sending), source);
      ReceiverOptions receiving;
      receiving.mid = "a";
      receiving.ssrcs = {1};
      receiving.codecs = {sending.codec};
      bench.listen(bench.engine.createReceiver(bench.far, receiving));
      Talker talk(bench.engine, source);
      bench.pass(2'000, talk);
      CHECK(bench.heard.size() >= 16 * 1'900);
      CHECK(bench.concealed == 0);
      AudioLevelMeter meter;
      meter.add(std::span(bench.heard).subspan(8'000));
      // A tone of 8000 is 15 dB below the loudest one.
      CHECK(meter.take().rmsDbov == doctest::Approx(-15).epsilon(0.1));
    }
  }

  TEST_CASE("does not ask for what could not come in time") {
    Bench bench;
    bench.out->loses = [](size_t packet) { return packet % 20 == 7; };
    bench.out->delayUs = bench.back->delayUs = 120'000;
    const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
    bench.engine.setSenderProducer(bench.send(bench.near, 1), source);
    bench.listen(bench.receive(bench.far, 1));
    Talker talk(bench.engine, source);
    bench.pass(20'000, talk);
    // There are 50 losses. The first answer tells that there is no point in asking.
    CHECK(bench.stats(bench.far).inbound[0].nackCount <= 8);
  }

  TEST_CASE("hides what is lost for good, and expects loss from then on") {
    Bench bench;
    bench.out->loses = [](size_t packet) { return packet % 10 == 3; };
    const uint32_t source = bench.engine.createSource({16'000, 1}, 1'000);
    OpusParameters opus;
    opus.expectedLossPercent = 0;
    bench.engine.setSenderProducer(bench.send(bench.near, 1, opus), source);
    const uint32_t receiver = bench.receive(bench.far, 1);
    ReceiverOptions options;
    options.mid = "a";
    options.ssrcs = {1};
    options.codecs = {kOpus};
    options.nack = false;
    bench.engine.updateReceiver(receiver, options);
    bench.listen(receiver);
    Talker talk(bench.engine, source);
    bench.pass(20'000, talk);
    CHECK(bench.heard.size() >= 16 * (20'000 - 200));
    CHECK(bench.eventsOf(RecordKind::senderLoss) > 0);
    CHECK(bench.eventsOf(RecordKind::receiverFlow) == 1);
    const auto far = bench.stats(bench.far);
    CHECK(far.inbound[0].packetsLost > 50);
    CHECK(far.inbound[0].fecPacketsReceived - far.inbound[0].fecPacketsDiscarded > 20);
  }

  TEST_CASE("sends a greeting that was written before the wire could take it, as far as it is not played yet") {
    Bench bench;
    bench.engine.peer(bench.near)->setWritable(false);
    const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
    bench.engine.setSenderProducer(bench.send(bench.near, 1), source);
    Talker talk(bench.engine, source);
    bench.pass(100, talk);
    CHECK(bench.out->rtpPackets == 0);
    bench.engine.peer(bench.near)->setWritable(true);
    bench.pass(100, talk);
    CHECK(bench.out->rtpPackets == 5);
  }

  TEST_CASE("passes a request for a key frame from the far side of a forwarder to its source, at most twice a second") {
    Bench bench;
    const uint32_t receiver = bench.receive(bench.near, 500, kVideo);
    ForwardingOptions options;
    options.mid = "v";
    options.ssrc = 600;
    options.cname = "stage";
    options.payloadTypes = {{96, 97}};
    options.nack = true;
    const auto third = bench.engine.createPeer();
    const auto wire = std::make_shared<TestWire>(bench.engine.peer(bench.far), bench.nowUs);
    bench.engine.peer(third)->wire()->setSender(wire);
    bench.engine.peer(third)->setWritable(true);
    bench.engine.createForwarder(receiver, third, options);
    const auto video = videoPacket(1, 500);
    bench.engine.peer(bench.near)->receiveRtp(video.data(), video.size(), bench.nowUs);
    CHECK(wire->rtpPackets == 1);
    for (int request = 0; request < 10; ++request) {
      std::array<uint8_t, 100> buffer;
      RtcpBuilder builder(buffer);
      builder.addReceiverReport(9);
      builder.addPictureLoss(9, 600);
      bench.engine.peer(third)->receiveRtcp(builder.bytes().data(), builder.size(), bench.nowUs);
    }
    PictureLosses losses;
    for (const auto& packet : bench.out->rtcp) RtcpParser::parse(packet, losses);
    CHECK(losses.asked == std::vector<uint32_t>{500});
  }

  TEST_CASE("asks the source for what a forwarder's far side misses and its history does not have") {
    Bench bench;
    const uint32_t receiver = bench.receive(bench.near, 500, kVideo);
    ForwardingOptions options;
    options.mid = "v";
    options.ssrc = 600;
    options.payloadTypes = {{96, 97}};
    options.nack = true;
    const auto third = bench.engine.createPeer();
    const auto wire = std::make_shared<TestWire>(bench.engine.peer(bench.far), bench.nowUs);
    bench.engine.peer(third)->wire()->setSender(wire);
    bench.engine.peer(third)->setWritable(true);
    bench.engine.createForwarder(receiver, third, options);
    std::vector<uint16_t> sent;
    wire->onRtp = [&](const RtpPacket& packet) { sent.push_back(packet.sequenceNumber()); };
    // 12 was lost on its way here; 13 is lost behind us.
    for (const uint16_t number : {10, 11, 13}) {
      const auto video = videoPacket(number, 500);
      bench.engine.peer(bench.near)->receiveRtp(video.data(), video.size(), bench.nowUs);
    }
    REQUIRE(sent.size() == 3);
    std::array<uint8_t, 100> buffer;
    RtcpBuilder builder(buffer);
    builder.addReceiverReport(9);
    const std::array<uint16_t, 2> missing{static_cast<uint16_t>(sent[2] - 1), sent[2]};
    builder.addNack(9, 600, missing);
    bench.engine.peer(third)->receiveRtcp(builder.bytes().data(), builder.size(), bench.nowUs);
    CHECK(wire->rtpPackets == 4);
    bench.pass(20);
    Requests requests;
    for (const auto& packet : bench.out->rtcp) RtcpParser::parse(packet, requests);
    REQUIRE_FALSE(requests.asked.empty());
    CHECK(requests.asked.front() == std::pair<uint32_t, uint16_t>(500, 12));
  }

  TEST_CASE("tells the far side that the line is alive while nobody sends") {
    Bench bench;
    bench.receive(bench.far, 1);
    bench.pass(10'000);
    CHECK(bench.back->rtcp.size() >= 5);
    CHECK(bench.out->rtcp.size() >= 5);
  }

  TEST_CASE("survives garbage and counts it") {
    Bench bench;
    const auto peer = bench.engine.peer(bench.far);
    uint32_t random = 1;
    for (int round = 0; round < 20'000; ++round) {
      std::array<uint8_t, 64> bytes;
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>((random = random * 1'664'525 + 1'013'904'223) >> 24);
      bytes[0] = static_cast<uint8_t>(0x80 | (bytes[0] & 0x3f));
      peer->receiveRtp(bytes.data(), random % bytes.size(), bench.nowUs);
      peer->receiveRtcp(bytes.data(), random % bytes.size(), bench.nowUs);
    }
    bench.pass(1'000);
    CHECK(peer->wire()->drops.total() > 1'000);
  }

  TEST_CASE("lets go of everything that was closed, in any order") {
    Bench bench;
    for (int round = 0; round < 50; ++round) {
      const uint32_t source = bench.engine.createSource({48'000, 1}, 100);
      const uint32_t mixer = bench.engine.createMixer({48'000, 1});
      const uint32_t input = bench.engine.addMixerInput(mixer, source, 1);
      const uint32_t minus = bench.engine.createMixMinus(mixer, input);
      const uint32_t sender = bench.send(bench.near, 1);
      const uint32_t receiver = bench.receive(bench.far, 1);
      const uint32_t sink = bench.engine.createSink({16'000, 1}, 10);
      bench.engine.setSenderProducer(sender, round % 2 == 0 ? mixer : minus);
      bench.engine.bindSink(sink, receiver);
      bench.engine.setLevelInterval(receiver, 100);
      bench.pass(30);
      if (round % 3 == 0) bench.engine.closeProducer(source);
      if (round % 3 == 1) bench.engine.closeReceiver(receiver);
      if (round % 3 == 2) bench.engine.closeProducer(mixer);
      bench.pass(round % 4 * 10);
      for (const uint32_t handle : {mixer, source, minus}) bench.engine.closeProducer(handle);
      bench.engine.closeSender(sender);
      bench.engine.closeSink(sink);
      bench.engine.closeReceiver(receiver);
      bench.pass(20);
    }
    const auto handles = bench.engine.stats().handles;
    for (const auto& [kind, count] : handles) {
      CAPTURE(kind);
      CHECK(count == (kind == "peers" ? 2 : 0));
    }
  }

  TEST_CASE("with threads plays, is rewired and closed while it does") {
    std::promise<void> heard;
    std::atomic<bool> told{false};
    Engine engine({2, false}, [&] {
      if (!told.exchange(true)) heard.set_value();
    });
    const uint32_t near = engine.createPeer();
    const uint32_t far = engine.createPeer();
    engine.linkPeers(near, far);
    const uint32_t source = engine.createSource({48'000, 1}, 10'000);
    engine.source(source).write(std::vector<int16_t>(480'000, 1'000));
    SenderOptions sending;
    sending.mid = "a";
    sending.ssrc = 1;
    sending.codec = kOpus;
    const uint32_t sender = engine.createSender(near, sending);
    engine.setSenderProducer(sender, source);
    ReceiverOptions receiving;
    receiving.mid = "a";
    receiving.ssrcs = {1};
    receiving.codecs = {kOpus};
    const uint32_t receiver = engine.createReceiver(far, receiving);
    engine.bindSink(engine.createSink({16'000, 1}, 10), receiver);
    heard.get_future().wait();
    Batch batch;
    for (int round = 0; round < 200; ++round) {
      const uint32_t sink = engine.createSink({round % 2 == 0 ? 48'000 : 44'100, 1}, 10);
      engine.bindSink(sink, round % 3 == 0 ? source : receiver);
      const uint32_t other = engine.createSender(near, sending);
      engine.setSenderProducer(other, source);
      engine.peerStats(far);
      engine.stats();
      while (engine.batches().take(batch)) {
      }
      engine.closeSink(sink);
      engine.closeSender(other);
    }
    engine.closePeer(far);
    engine.closeProducer(source);
    engine.stop();
    CHECK(engine.stats().handles["peers"] == 0);
    CHECK(AudioEncoder::alive() == 0);
    CHECK(AudioDecoder::alive() == 0);
  }
}
