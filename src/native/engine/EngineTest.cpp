#include "Engine.hpp"

#include <doctest/doctest.h>

#include <future>
#include <set>

#include "AudioLevelMeter.hpp"
#include "EngineBench.hpp"
#include "RtcpParser.hpp"
#include "RtpTestPacket.hpp"

using namespace troupe;

TEST_SUITE("Engine") {
  TEST_CASE("loses no sample over a clean wire") {
    EngineBench bench;
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

  TEST_CASE("hears G.711") {
    for (const char* name : {"pcmu", "pcma"}) {
      EngineBench bench;
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

  TEST_CASE("sends a greeting that was written before the wire could take it, as far as it is not played yet") {
    EngineBench bench;
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

  TEST_CASE("tells the far side that the line is alive while nobody sends") {
    EngineBench bench;
    bench.receive(bench.far, 1);
    bench.pass(10'000);
    CHECK(bench.back->rtcp.size() >= 5);
    CHECK(bench.out->rtcp.size() >= 5);
  }

  TEST_CASE("reports on every stream, however many there are") {
    constexpr uint32_t kStreams = 80;
    EngineBench bench;
    for (uint32_t ssrc = 1; ssrc <= kStreams; ++ssrc) bench.receive(bench.far, ssrc);
    for (uint32_t ssrc = 1; ssrc <= kStreams; ++ssrc) {
      test::TestPacket packet;
      packet.ssrc = ssrc;
      const auto bytes = test::bytesOf(packet);
      bench.engine.peer(bench.far)->receiveRtp(bytes.data(), bytes.size(), bench.nowUs);
    }
    bench.pass(2'000);
    class Reported final : public RtcpVisitor {
     public:
      void onReportBlock(uint32_t, const ReportBlock& block) override { streams.insert(block.ssrc); }
      std::set<uint32_t> streams;
    } reported;
    for (const auto& packet : bench.back->rtcp) {
      CHECK(packet.size() <= kMaximumRtpPacketBytes);
      CHECK(RtcpParser::parse(packet, reported).malformed == 0);
    }
    CHECK(reported.streams.size() == kStreams);
  }

  TEST_CASE("survives garbage and counts it") {
    EngineBench bench;
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
    EngineBench bench;
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
