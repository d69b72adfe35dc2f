#include "SenderStream.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "FrameRelay.hpp"
#include "NtpTime.hpp"

using namespace troupe;

namespace {

constexpr uint32_t kSsrc = 7;
constexpr uint32_t kRetransmissionSsrc = 8;

class Packets final : public PacketSender {
 public:
  bool sendRtp(const uint8_t* data, size_t size) override {
    bytes.emplace_back(data, data + size);
    return true;
  }
  bool sendRtcp(const uint8_t*, size_t) override { return true; }

  RtpPacket at(size_t index) const {
    RtpPacket packet;
    REQUIRE(index < bytes.size());
    REQUIRE(RtpPacket::parse(bytes[index], packet) == RtpParseError::none);
    return packet;
  }

  std::vector<std::vector<uint8_t>> bytes;
};

struct Bench {
  std::shared_ptr<PeerWire> wire = std::make_shared<PeerWire>();
  std::shared_ptr<Packets> sent = std::make_shared<Packets>();
  Batch batch;

  Bench() {
    wire->setSender(sent);
    wire->setWritable(true);
    HeaderExtensionIds ids;
    ids.mid = 4;
    ids.audioLevel = 1;
    ids.transportSequenceNumber = 3;
    wire->setExtensionIds(ids);
  }

  SenderOptions options() const {
    SenderOptions options;
    options.mid = "a";
    options.ssrc = kSsrc;
    options.codec = {111, "opus", 48'000, 2};
    options.nack = true;
    return options;
  }

  /** Sends 20 ms that end with the tick of this number. */
  void send(SenderStream& stream, int64_t number, const std::vector<uint8_t>& payload) {
    EncodedPacket packet;
    packet.payload = payload;
    packet.startTick = number - 1;
    packet.level = {-30, true};
    stream.send(packet, {number, number * kTickUs, batch});
  }
};

std::vector<uint8_t> bytesOf(std::span<const uint8_t> view) { return {view.begin(), view.end()}; }

}  // namespace

TEST_SUITE("SenderStream") {
  TEST_CASE("numbers and stamps packets, with mid and audio level on them") {
    Bench bench;
    SenderStream stream(1, bench.options(), bench.wire);
    bench.send(stream, 1, {1, 2, 3});
    bench.send(stream, 3, {4});
    const RtpPacket first = bench.sent->at(0);
    const RtpPacket second = bench.sent->at(1);
    CHECK(bytesOf(first.payload()) == std::vector<uint8_t>{1, 2, 3});
    CHECK(second.sequenceNumber() == static_cast<uint16_t>(first.sequenceNumber() + 1));
    CHECK(second.timestamp() - first.timestamp() == 960);
    CHECK(first.mid(bench.wire->extensionIds()) == "a");
    const auto level = first.audioLevel(bench.wire->extensionIds());
    REQUIRE(level);
    CHECK(level->dBov == -30);
    CHECK(level->voice);
  }

  TEST_CASE("counts in the clock of its codec") {
    Bench bench;
    SenderOptions options = bench.options();
    options.codec = {0, "pcmu", 8'000, 1};
    SenderStream stream(1, options, bench.wire);
    bench.send(stream, 1, {1});
    bench.send(stream, 3, {2});
    CHECK(bench.sent->at(1).timestamp() - bench.sent->at(0).timestamp() == 160);
  }

  TEST_CASE("answers a request with the packet as it was when no retransmission format is agreed") {
    Bench bench;
    SenderStream stream(1, bench.options(), bench.wire);
    bench.send(stream, 1, {1, 2, 3});
    stream.onNack(bench.sent->at(0).sequenceNumber(), 50'000);
    REQUIRE(bench.sent->bytes.size() == 2);
    CHECK(bench.sent->bytes[1] == bench.sent->bytes[0]);
    CHECK(stream.stats().retransmittedPacketsSent == 1);
  }

  TEST_CASE("answers a request with RTX: a stream of its own, the original number before the payload") {
    Bench bench;
    SenderOptions options = bench.options();
    options.retransmission = {kRetransmissionSsrc, 112};
    SenderStream stream(1, options, bench.wire);
    bench.send(stream, 1, {1, 2, 3});
    bench.send(stream, 3, {4, 5});
    const RtpPacket original = bench.sent->at(0);
    stream.onNack(original.sequenceNumber(), 50'000);
    stream.onNack(bench.sent->at(1).sequenceNumber(), 50'000);
    const RtpPacket repaired = bench.sent->at(2);
    CHECK(repaired.ssrc() == kRetransmissionSsrc);
    CHECK(repaired.payloadType() == 112);
    CHECK(repaired.timestamp() == original.timestamp());
    CHECK(repaired.mid(bench.wire->extensionIds()) == "a");
    CHECK(original.transportSequenceNumber(bench.wire->extensionIds()) == 0);
    CHECK(repaired.transportSequenceNumber(bench.wire->extensionIds()) == 2);
    const uint16_t number = original.sequenceNumber();
    CHECK(bytesOf(repaired.payload()) ==
          std::vector<uint8_t>{static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number), 1, 2, 3});
    CHECK(bench.sent->at(3).sequenceNumber() == static_cast<uint16_t>(repaired.sequenceNumber() + 1));
    CHECK(stream.stats().packetsSent == 2);
    CHECK(stream.stats().retransmittedPacketsSent == 2);
  }

  TEST_CASE("leaves room for the header of a retransmission") {
    Bench bench;
    SenderOptions options = bench.options();
    SenderStream plain(1, options, bench.wire);
    options.retransmission = {kRetransmissionSsrc, 112};
    SenderStream repairable(2, options, bench.wire);
    // 12 bytes of fixed header, 4 + 8 of extensions.
    const std::vector<uint8_t> largest(kMaximumRtpPacketBytes - 24, 1);
    bench.send(plain, 1, largest);
    bench.send(repairable, 1, largest);
    REQUIRE(bench.sent->bytes.size() == 1);
    CHECK(bench.sent->bytes[0].size() == kMaximumRtpPacketBytes);
    bench.send(repairable, 3, std::vector<uint8_t>(largest.size() - 2, 1));
    repairable.onNack(bench.sent->at(1).sequenceNumber(), 50'000);
    CHECK(bench.sent->bytes[2].size() == kMaximumRtpPacketBytes);
  }

  TEST_CASE("packs payloads redundantly under the payload type of RED, never beyond a packet's size") {
    Bench bench;
    SenderOptions options = bench.options();
    options.redundancy = {63, 2};
    SenderStream stream(1, options, bench.wire);
    bench.send(stream, 1, std::vector<uint8_t>(500, 1));
    bench.send(stream, 3, std::vector<uint8_t>(500, 2));
    bench.send(stream, 5, std::vector<uint8_t>(500, 3));
    CHECK(bench.sent->at(2).payloadType() == 63);
    CHECK(bench.sent->at(1).payload().size() == 4 + 500 + 1 + 500);
    CHECK(bench.sent->at(2).payload().size() == 4 + 500 + 1 + 500);
    CHECK((bench.sent->at(2).payload()[0] & 0x7f) == 111);
    CHECK(stream.stats().payloadType == 63);
  }

  TEST_CASE("reports the RTP time of the sample that is due at the NTP time") {
    Bench bench;
    SenderStream stream(1, bench.options(), bench.wire);
    SenderInfo info;
    CHECK_FALSE(stream.senderInfo(0, 0, info));
    bench.send(stream, 3, {1, 2, 3});
    const uint32_t timestamp = bench.sent->at(0).timestamp();
    // The packet's first sample was due at tick 2, 20 ms; the report is made at 50 ms.
    constexpr int64_t kUnixUs = 1'700'000'000'250'000;
    REQUIRE(stream.senderInfo(50'000, kUnixUs, info));
    CHECK(info.rtpTimestamp == timestamp + 48 * 30);
    CHECK(unixUsFromNtp(info.ntpTime) == kUnixUs);
    CHECK(info.packetCount == 1);
    CHECK(info.octetCount == 3);
  }

  TEST_CASE("sends and numbers nothing while the wire is closed") {
    Bench bench;
    SenderStream stream(1, bench.options(), bench.wire);
    bench.wire->setWritable(false);
    bench.send(stream, 1, {1});
    CHECK(bench.sent->bytes.empty());
    CHECK(stream.stats().packetsSent == 0);
    CHECK(bench.wire->drops.total() == 1);
  }
}

TEST_SUITE("SenderStream with a relay") {
  TEST_CASE("sends what comes back, and nothing older than what it has sent") {
    Bench bench;
    const auto stream = std::make_shared<SenderStream>(1, bench.options(), bench.wire);
    const auto relay = std::make_shared<FrameRelay>(2, FrameRelayOptions{}, std::make_shared<BatchQueue>());
    relay->setOutlet(stream);
    stream->setTransform(relay);
    for (int64_t number = 1; number <= 5; number += 2) bench.send(*stream, number, {1});
    CHECK(bench.sent->bytes.empty());
    CHECK(bench.wire->drops.total() == 0);
    CHECK(relay->enqueue(1, std::vector<uint8_t>{7, 7}, 60'000));
    CHECK_FALSE(relay->enqueue(0, std::vector<uint8_t>{6}, 60'000));
    CHECK(relay->enqueue(2, std::vector<uint8_t>{8}, 60'000));
    REQUIRE(bench.sent->bytes.size() == 2);
    CHECK(bytesOf(bench.sent->at(0).payload()) == std::vector<uint8_t>{7, 7});
    CHECK(bench.sent->at(1).timestamp() == bench.sent->at(0).timestamp() + 960);
    CHECK(bench.sent->at(1).sequenceNumber() == static_cast<uint16_t>(bench.sent->at(0).sequenceNumber() + 1));
    SenderInfo info;
    REQUIRE(stream->senderInfo(50'000, 0, info));
    // The last frame began with tick 4, so a sample of tick 5 is 10 ms further.
    CHECK(info.rtpTimestamp == bench.sent->at(1).timestamp() + 480);
  }
}
