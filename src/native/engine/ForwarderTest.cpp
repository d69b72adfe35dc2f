#include "Forwarder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "NtpTime.hpp"
#include "RtpTestPacket.hpp"

using namespace troupe;
using test::bytesOf;
using test::TestPacket;
using test::viewOf;

namespace {
constexpr int64_t kMs = 1'000;

ForwarderOptions options() {
  ForwarderOptions made;
  made.ssrc = 0xf00d;
  made.mid = "target";
  made.payloadTypes = {{111, 96}};
  made.extensionIds.mid = 4;
  made.extensionIds.audioLevel = 6;
  made.firstSequenceNumber = 1'000;
  made.firstTimestamp = 50'000;
  return made;
}

/** Keeps the bytes of what came out, since the forwarder's buffer is used again. */
struct Forwarded {
  std::vector<uint8_t> bytes;
  RtpPacket packet;
};

struct Target {
  Forwarder forwarder{options()};

  Forwarded forward(const TestPacket& sent, int64_t nowUs = 0) {
    const auto bytes = bytesOf(sent);
    const auto out = forwarder.forward(viewOf(bytes), {}, nowUs);
    Forwarded forwarded{{out.begin(), out.end()}, {}};
    if (!forwarded.bytes.empty()) forwarded.packet = viewOf(forwarded.bytes);
    return forwarded;
  }
};

TestPacket numbered(uint16_t number, uint32_t ssrc = 0x1234) {
  TestPacket packet;
  packet.sequenceNumber = number;
  packet.timestamp = number * 960u;
  packet.ssrc = ssrc;
  return packet;
}
}  // namespace

TEST_CASE("Forwarder rewrites SSRC, payload type, sequence number, timestamp and mid") {
  std::array<uint8_t, 200> buffer{};
  HeaderExtensionIds sourceIds;
  sourceIds.mid = 1;
  sourceIds.audioLevel = 2;
  RtpPacketBuilder builder(buffer, {111, true, 77, 960, 0x1234});
  builder.addMid(sourceIds, "source");
  builder.addAudioLevel(sourceIds, {-20, true});
  builder.payload()[0] = 0x42;
  const size_t size = builder.finish(1);

  RtpPacket sent;
  REQUIRE(RtpPacket::parse(std::span<const uint8_t>(buffer).first(size), sent) == RtpParseError::none);
  Forwarder forwarder(options());
  const auto out = forwarder.forward(sent, sourceIds, 0);
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(out, packet) == RtpParseError::none);
  CHECK(packet.ssrc() == 0xf00d);
  CHECK(packet.payloadType() == 96);
  CHECK(packet.marker());
  CHECK(packet.sequenceNumber() == 1'000);
  CHECK(packet.timestamp() == 50'000);
  CHECK(packet.mid(options().extensionIds) == "target");
  CHECK(packet.audioLevel(options().extensionIds)->dBov == -20);
  CHECK(packet.extensions().size() == 2);
  REQUIRE(packet.payload().size() == 1);
  CHECK(packet.payload()[0] == 0x42);
}

TEST_CASE("Forwarder keeps gaps and reordering of the source") {
  Target target;
  CHECK(target.forward(numbered(10)).packet.sequenceNumber() == 1'000);
  CHECK(target.forward(numbered(13)).packet.sequenceNumber() == 1'003);
  const Forwarded late = target.forward(numbered(12));
  CHECK(late.packet.sequenceNumber() == 1'002);
  CHECK(late.packet.timestamp() == 50'000 + 2 * 960);
}

TEST_CASE("Forwarder drops payload types that are not mapped and closes their gaps") {
  Target target;
  target.forward(numbered(10));
  TestPacket other = numbered(11);
  other.payloadType = 100;
  CHECK(target.forward(other).bytes.empty());
  CHECK(target.forwarder.lastDrop() == Forwarder::Drop::unknownPayloadType);
  CHECK(target.forward(numbered(12)).packet.sequenceNumber() == 1'001);
  CHECK(target.forwarder.sourceSequenceNumber(1'001) == 12);
  CHECK(target.forwarder.sourceSequenceNumber(1'000) == 10);
}

TEST_CASE("Forwarder gives a packet from before a closed gap its old place") {
  Target target;
  target.forward(numbered(10));
  target.forward(numbered(12));
  TestPacket empty = numbered(13);
  empty.payload.clear();
  CHECK(target.forward(empty).bytes.empty());
  CHECK(target.forwarder.lastDrop() == Forwarder::Drop::empty);
  CHECK(target.forward(numbered(14)).packet.sequenceNumber() == 1'003);
  CHECK(target.forward(numbered(11)).packet.sequenceNumber() == 1'001);
}

TEST_CASE("Forwarder goes on without a break when the source's SSRC changes") {
  Target target;
  target.forward(numbered(10), 0);
  target.forward(numbered(11), 20 * kMs);
  const Forwarded next = target.forward(numbered(5'000, 0x9999), 60 * kMs);
  CHECK(next.packet.ssrc() == 0xf00d);
  CHECK(next.packet.sequenceNumber() == 1'002);
  CHECK(next.packet.timestamp() == 50'000 + 960 + 40 * 48);
  CHECK(target.forwarder.sourceSsrc() == 0x9999u);
  CHECK(target.forward(numbered(5'001, 0x9999), 80 * kMs).packet.sequenceNumber() == 1'003);
  CHECK_FALSE(target.forwarder.sourceSequenceNumber(1'001).has_value());
}

TEST_CASE("Forwarder drops what the new source sent before its first forwarded packet") {
  Target target;
  target.forward(numbered(10));
  target.forward(numbered(5'000, 0x9999), 20 * kMs);
  CHECK(target.forward(numbered(4'999, 0x9999), 21 * kMs).bytes.empty());
  CHECK(target.forwarder.lastDrop() == Forwarder::Drop::tooOld);
}

TEST_CASE("Forwarder bridges a restart of the source's numbers, also twice at the same time") {
  Target target;
  target.forward(numbered(10), 0);
  CHECK(target.forward(numbered(30'000), 0).packet.sequenceNumber() == 1'001);
  const Forwarded again = target.forward(numbered(60'000), 0);
  CHECK(again.packet.sequenceNumber() == 1'002);
  CHECK(again.packet.timestamp() == 50'002);
}

TEST_CASE("Forwarder runs on over many turns of the sequence number") {
  Target target;
  uint16_t expected = 1'000;
  for (int i = 0; i < 200'000; ++i) {
    const Forwarded out = target.forward(numbered(static_cast<uint16_t>(i)), i * 20 * kMs);
    REQUIRE(out.packet.sequenceNumber() == expected);
    expected += 1;
  }
  CHECK(target.forwarder.packetsSent() == 200'000);
}

TEST_CASE("Forwarder answers a NACK from its history, not more often than a round trip") {
  Target target;
  const Forwarded sent = target.forward(numbered(10), 0);
  const auto again = target.forwarder.retransmit(1'000, 30 * kMs, 50 * kMs);
  CHECK(std::vector<uint8_t>(again.begin(), again.end()) == sent.bytes);
  CHECK(target.forwarder.retransmit(1'000, 60 * kMs, 50 * kMs).empty());
  CHECK(target.forwarder.retransmit(1'001, 60 * kMs, 50 * kMs).empty());
  CHECK(target.forwarder.packetsRetransmitted() == 1);
}

TEST_CASE("Forwarder stamps a packet before it is remembered, and a packet of RTX anew") {
  for (const uint32_t retransmissionSsrc : {0u, 0xf00eu}) {
    ForwarderOptions made = options();
    made.retransmissionSsrc = retransmissionSsrc;
    made.retransmissionPayloadTypes = {{96, 97}};
    uint8_t stamps = 0;
    made.stamp = [&stamps](std::span<uint8_t> packet) { packet.back() = ++stamps; };
    Forwarder forwarder(made);
    const auto bytes = bytesOf(numbered(1));
    CHECK(forwarder.forward(viewOf(bytes), {}, 0).back() == 1);
    CHECK(forwarder.retransmit(1'000, 30 * kMs, 50 * kMs).back() == (retransmissionSsrc == 0 ? 1 : 2));
  }
}

TEST_CASE("Forwarder drops a packet that would grow beyond the limit") {
  Target target;
  TestPacket large = numbered(1);
  large.payload.assign(1'268, 1);
  CHECK(target.forward(large).bytes.empty());
  CHECK(target.forwarder.lastDrop() == Forwarder::Drop::tooLarge);
  large.payload.assign(1'256, 1);
  large.sequenceNumber = 2;
  CHECK(target.forward(large).bytes.size() == 1'280);
}

TEST_CASE("Forwarder's sender report counts payload and extrapolates its clock") {
  Target target;
  SenderInfo info;
  CHECK_FALSE(target.forwarder.senderInfo(0, 0, info));
  target.forward(numbered(1), 0);
  target.forward(numbered(2), 20 * kMs);
  REQUIRE(target.forwarder.senderInfo(30 * kMs, 1'000'000, info));
  CHECK(info.packetCount == 2);
  CHECK(info.octetCount == 6);
  CHECK(info.rtpTimestamp == 50'000 + 960 + 480);
  CHECK(info.ntpTime == ntpFromUnixUs(1'000'000));
}

TEST_CASE("Forwarder answers a NACK as RTX where that was agreed") {
  ForwarderOptions made = options();
  made.retransmissionSsrc = 0xf00e;
  made.retransmissionPayloadTypes = {{96, 97}};
  made.firstRetransmissionNumber = 7;
  Forwarder forwarder(made);
  const auto bytes = bytesOf(numbered(1));
  const auto out = forwarder.forward(viewOf(bytes), {}, 0);
  const std::vector<uint8_t> sent(out.begin(), out.end());
  const auto again = forwarder.retransmit(1'000, 30 * kMs, 50 * kMs);
  const std::vector<uint8_t> repeated(again.begin(), again.end());
  REQUIRE(repeated.size() == sent.size() + 2);
  const RtpPacket repair = viewOf(repeated);
  CHECK(repair.ssrc() == 0xf00e);
  CHECK(repair.payloadType() == 97);
  CHECK(repair.sequenceNumber() == 7);
  const auto original = repair.retransmitted(0xf00d, 96);
  REQUIRE(original);
  CHECK(original->sequenceNumber() == 1'000);
  CHECK(std::equal(original->payload().begin(), original->payload().end(), numbered(1).payload.begin()));
  CHECK(forwarder.bytesRetransmitted() == repeated.size());
}

TEST_CASE("Forwarder carries the picture numbers of VP8 over a change of the source") {
  Target target;
  TestPacket picture = numbered(1);
  picture.payload = {0x90, 0x80, 0x85, 0x00, 0x50};
  const auto before = bytesOf(picture);
  target.forwarder.forward(viewOf(before), {}, 0, VideoCodec::vp8);
  picture.ssrc = 0x5678;
  picture.payload = {0x90, 0x80, 0x80, 0x09, 0x50};
  const auto bytes = bytesOf(picture);
  const auto out = target.forwarder.forward(viewOf(bytes), {}, 10 * kMs, VideoCodec::vp8);
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(out, packet) == RtpParseError::none);
  CHECK(std::vector<uint8_t>(packet.payload().begin(), packet.payload().end()) ==
        std::vector<uint8_t>{0x90, 0x80, 0x85, 0x01, 0x50});
}
