// What an engine does about packets that the wire loses.
#include <doctest/doctest.h>

#include <map>

#include "EngineBench.hpp"
#include "RtcpParser.hpp"

using namespace troupe;

namespace {

/** The last block about each stream. */
class Reports final : public RtcpVisitor {
 public:
  void onReportBlock(uint32_t, const ReportBlock& block) override { last[block.ssrc] = block; }
  std::map<uint32_t, ReportBlock> last;
};

}  // namespace

TEST_SUITE("Engine repairing losses") {
  TEST_CASE("gets lost packets again by NACK, in time to be played") {
    EngineBench bench;
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
    EngineBench bench;
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
      EngineBench bench;
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
      CHECK(bench.concealed <= 12);
      // The network lost them all the same, and the sender is told so of the stream and nothing of its repairs.
      CHECK(inbound[0].packetsLost >= 45);
      const auto outbound = bench.stats(bench.near).outbound[0];
      CHECK(inbound[0].packetsReceived >= outbound.packetsSent - 5);
      CHECK(outbound.remotePacketsLost >= 40);
      CHECK(outbound.remoteFractionLost == doctest::Approx(0.05).epsilon(0.5));
      Reports reports;
      for (const auto& packet : bench.back->rtcp) RtcpParser::parse(packet, reports);
      CHECK(reports.last.at(1).cumulativeLost >= 40);
      CHECK(reports.last.at(2).cumulativeLost <= 5);
    }
  }

  TEST_CASE("does not ask for what could not come in time") {
    EngineBench bench;
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
    EngineBench bench;
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
}
