// Senders that end, come back or change while their stream goes on.
#include <doctest/doctest.h>

#include <array>

#include "EngineBench.hpp"
#include "RtcpBuilder.hpp"
#include "RtcpParser.hpp"

using namespace troupe;

namespace {

const CodecParameters kPcmu{0, "pcmu", 8'000, 1};

SenderOptions sending(const CodecParameters& codec) {
  SenderOptions options;
  options.mid = "a";
  options.ssrc = 1;
  options.cname = "near";
  options.codec = codec;
  options.nack = true;
  return options;
}

/** The packets of one SSRC as they were sent, in both directions of repair. */
struct Sent {
  explicit Sent(TestWire& wire) {
    wire.onRtp = [this](const RtpPacket& packet) {
      (packet.ssrc() == 1 ? numbers : repairs).push_back(packet.sequenceNumber());
      if (packet.ssrc() == 1) timestamps.push_back(packet.timestamp());
      if (packet.ssrc() == 1) payloadTypes.push_back(packet.payloadType());
    };
  }

  static bool areConsecutive(const std::vector<uint16_t>& sequence) {
    for (size_t at = 1; at < sequence.size(); ++at)
      if (static_cast<uint16_t>(sequence[at] - sequence[at - 1]) != 1) return false;
    return true;
  }

  std::vector<uint16_t> numbers;
  std::vector<uint16_t> repairs;
  std::vector<uint32_t> timestamps;
  std::vector<uint8_t> payloadTypes;
};

class Goodbyes final : public RtcpVisitor {
 public:
  void onBye(uint32_t, std::string_view) override { ++count; }
  size_t count = 0;
};

/** Asks the near peer for packets. */
void request(EngineBench& bench, const std::vector<uint16_t>& numbers) {
  std::array<uint8_t, 100> buffer;
  RtcpBuilder builder(buffer);
  builder.addReceiverReport(9);
  builder.addNack(9, 1, numbers);
  bench.engine.peer(bench.near)->receiveRtcp(builder.bytes().data(), builder.size(), bench.nowUs);
}

size_t goodbyesOn(const TestWire& wire) {
  Goodbyes goodbyes;
  for (const auto& packet : wire.rtcp) RtcpParser::parse(packet, goodbyes);
  return goodbyes.count;
}

}  // namespace

TEST_SUITE("Engine senders") {
  TEST_CASE("go on with number, timestamp and counts when the codec changes, and say no goodbye") {
    EngineBench bench;
    Sent sent(*bench.out);
    const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
    const uint32_t sender = bench.engine.createSender(bench.near, sending(kOpus));
    bench.engine.setSenderProducer(sender, source);
    ReceiverOptions receiving;
    receiving.mid = "a";
    receiving.ssrcs = {1};
    receiving.codecs = {kOpus, kPcmu};
    bench.listen(bench.engine.createReceiver(bench.far, receiving));
    Talker talk(bench.engine, source);
    bench.pass(1'000, talk);
    bench.engine.reconfigureSender(sender, sending(kPcmu));
    bench.pass(1'000, talk);
    bench.engine.reconfigureSender(sender, sending(kOpus));
    bench.pass(1'000, talk);

    CHECK(sent.numbers.size() >= 145);
    CHECK(Sent::areConsecutive(sent.numbers));
    CHECK(sent.payloadTypes.front() == 111);
    CHECK(sent.payloadTypes[75] == 0);
    CHECK(sent.payloadTypes.back() == 111);
    for (size_t at = 1; at < sent.timestamps.size(); ++at) {
      const uint32_t step = sent.timestamps[at] - sent.timestamps[at - 1];
      CAPTURE(at);
      // 20 ms, at the rate of the packet.
      CHECK(step == (sent.payloadTypes[at] == 0 ? 160 : 960));
    }
    CHECK(goodbyesOn(*bench.out) == 0);
    CHECK(bench.stats(bench.near).outbound[0].packetsSent == sent.numbers.size());
    CHECK(bench.stats(bench.far).inbound[0].packetsLost == 0);
    CHECK(bench.heard.size() >= 16 * 2'900);
  }

  TEST_CASE("go on under an SSRC that was closed and comes again, also when that repairs") {
    EngineBench bench;
    Sent sent(*bench.out);
    bench.out->loses = [](size_t packet) { return packet % 10 == 4; };
    const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
    SenderOptions options = sending(kOpus);
    options.retransmission = SenderOptions::Retransmission{2, 112};
    // With it, single losses would not be asked for.
    options.opus.fec = false;
    ReceiverOptions receiving;
    receiving.mid = "a";
    receiving.ssrcs = {1};
    receiving.codecs = {kOpus, CodecParameters{112, "rtx", 48'000, 2, 111}};
    receiving.retransmissionSsrcs = {{1, 2}};
    receiving.nack = true;
    bench.listen(bench.engine.createReceiver(bench.far, receiving));
    Talker talk(bench.engine, source);
    for (int round = 0; round < 3; ++round) {
      const uint32_t sender = bench.engine.createSender(bench.near, options);
      bench.engine.setSenderProducer(sender, source);
      bench.pass(2'000, talk);
      bench.engine.closeSender(sender);
      bench.pass(100, talk);
    }
    CHECK(Sent::areConsecutive(sent.numbers));
    CHECK(sent.repairs.size() >= 15);
    CHECK(Sent::areConsecutive(sent.repairs));
    CHECK(goodbyesOn(*bench.out) == 3);
  }

  TEST_CASE("keep their encoder and what it holds when redundancy alone changes") {
    EngineBench bench;
    Sent sent(*bench.out);
    const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
    const uint32_t sender = bench.engine.createSender(bench.near, sending(kOpus));
    bench.engine.setSenderProducer(sender, source);
    Talker talk(bench.engine, source);
    bench.pass(1'010, talk);
    SenderOptions redundant = sending(kOpus);
    redundant.redundancy = SenderOptions::Redundancy{63, 1};
    bench.engine.reconfigureSender(sender, redundant);
    bench.pass(1'000, talk);
    CHECK(sent.payloadTypes.back() == 63);
    for (size_t at = 1; at < sent.timestamps.size(); ++at) CHECK(sent.timestamps[at] - sent.timestamps[at - 1] == 960);
    CHECK(bench.engine.stats().handles["encoders"] == 1);
  }

  TEST_CASE("answer a request for what they sent before they changed: as RTX where that is for its payload type") {
    EngineBench bench;
    std::vector<std::vector<uint8_t>> sent;
    std::vector<uint16_t> numbers;
    bench.out->onRtp = [&](const RtpPacket& packet) {
      sent.emplace_back(packet.bytes().begin(), packet.bytes().end());
      if (packet.ssrc() == 1) numbers.push_back(packet.sequenceNumber());
    };
    const auto payloadTypeOf = [&](size_t index) { return sent.at(index)[1] & 0x7f; };
    const uint32_t source = bench.engine.createSource({48'000, 1}, 1'000);
    SenderOptions repaired = sending(kOpus);
    repaired.retransmission = SenderOptions::Retransmission{2, 112};
    const uint32_t sender = bench.engine.createSender(bench.near, sending(kOpus));
    bench.engine.setSenderProducer(sender, source);
    Talker talk(bench.engine, source);
    bench.pass(200, talk);
    // RTX from here on: the old packets are of the payload type that it repairs.
    bench.engine.reconfigureSender(sender, repaired);
    size_t before = sent.size();
    request(bench, {numbers[before - 2], numbers[before - 1]});
    REQUIRE(sent.size() == before + 2);
    CHECK(payloadTypeOf(before) == 112);
    bench.pass(200, talk);
    // Another codec: RTX is for that one now, and what was sent before goes out as it was.
    SenderOptions other = sending(kPcmu);
    other.retransmission = SenderOptions::Retransmission{2, 113};
    bench.engine.reconfigureSender(sender, other);
    const uint16_t newest = numbers.back();
    const std::vector<uint8_t> original = sent.back();
    before = sent.size();
    request(bench, {newest});
    REQUIRE(sent.size() == before + 1);
    CHECK(sent.back() == original);
    CHECK(bench.stats(bench.near).outbound[0].retransmittedPacketsSent == 3);
    bench.pass(200, talk);
    // The first number of all is not far back.
    before = sent.size();
    request(bench, {numbers[1], numbers.back()});
    REQUIRE(sent.size() == before + 2);
    CHECK(payloadTypeOf(before) == 111);
    CHECK(payloadTypeOf(before + 1) == 113);
  }
}
