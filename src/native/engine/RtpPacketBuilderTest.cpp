#include "RtpPacketBuilder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using namespace troupe;

namespace {
const RtpHeader kHeader{111, true, 7, 960, 0xcafe};

HeaderExtensionIds someIds() {
  HeaderExtensionIds ids;
  ids.mid = 1;
  ids.audioLevel = 2;
  ids.absoluteSendTime = 3;
  ids.transportSequenceNumber = 4;
  return ids;
}
}  // namespace

TEST_CASE("RtpPacketBuilder writes what RtpPacket reads") {
  std::array<uint8_t, 1500> buffer{};
  const HeaderExtensionIds ids = someIds();
  RtpPacketBuilder builder(buffer, kHeader);
  CHECK(builder.addMid(ids, "audio0"));
  CHECK(builder.addAudioLevel(ids, {-42, true}));
  CHECK(builder.addAbsoluteSendTime(ids, 65'500'000));
  CHECK(builder.addTransportSequenceNumber(ids, 0xabcd));
  auto payload = builder.payload();
  std::fill_n(payload.begin(), 50, uint8_t{9});
  const size_t size = builder.finish(50);

  RtpPacket packet;
  REQUIRE(RtpPacket::parse(std::span<const uint8_t>(buffer).first(size), packet) == RtpParseError::none);
  CHECK(packet.marker());
  CHECK(packet.payloadType() == 111);
  CHECK(packet.sequenceNumber() == 7);
  CHECK(packet.timestamp() == 960);
  CHECK(packet.ssrc() == 0xcafe);
  CHECK(packet.mid(ids) == "audio0");
  CHECK(packet.audioLevel(ids)->dBov == -42);
  CHECK(packet.audioLevel(ids)->voice);
  // 65.5 s is 1.5 s after the field's 64 s have passed once.
  CHECK(packet.absoluteSendTime(ids) == 3u << 17);
  CHECK(packet.transportSequenceNumber(ids) == 0xabcd);
  CHECK(packet.payload().size() == 50);
  CHECK(packet.payload()[49] == 9);
}

TEST_CASE("RtpPacketBuilder changes to the two-byte form when an element needs it") {
  std::array<uint8_t, 1200> buffer{};
  HeaderExtensionIds ids = someIds();
  ids.transportSequenceNumber = 20;
  const std::string mid(40, 'm');
  RtpPacketBuilder builder(buffer, kHeader);
  CHECK(builder.addAudioLevel(ids, {-1, false}));
  CHECK(builder.addAbsoluteSendTime(ids, 1'000'000));
  CHECK(builder.addMid(ids, mid));
  CHECK(builder.addTransportSequenceNumber(ids, 5));
  const size_t size = builder.finish(0);

  RtpPacket packet;
  REQUIRE(RtpPacket::parse(std::span<const uint8_t>(buffer).first(size), packet) == RtpParseError::none);
  CHECK(packet.audioLevel(ids)->dBov == -1);
  CHECK(packet.absoluteSendTime(ids) == 1u << 18);
  CHECK(packet.mid(ids) == mid);
  CHECK(packet.transportSequenceNumber(ids) == 5);
}

TEST_CASE("RtpPacketBuilder leaves out extensions that were not negotiated") {
  std::array<uint8_t, 1200> buffer{};
  RtpPacketBuilder builder(buffer, kHeader);
  CHECK_FALSE(builder.addMid({}, "a"));
  CHECK_FALSE(builder.addAudioLevel({}, {}));
  CHECK(builder.finish(3) == 15);
}

TEST_CASE("RtpPacketBuilder leaves room for SRTP in a datagram of 1200 bytes, however large the buffer") {
  std::array<uint8_t, 1500> buffer{};
  RtpPacketBuilder builder(buffer, kHeader);
  CHECK(builder.payload().size() == 1168);
  CHECK(builder.finish(1169) == 0);
  CHECK(builder.finish(1168) == 1180);
}

TEST_CASE("RtpPacketBuilder refuses what does not fit into a small buffer") {
  std::array<uint8_t, 20> buffer{};
  RtpPacketBuilder builder(buffer, kHeader);
  const std::array<uint8_t, 4> value{1, 2, 3, 4};
  CHECK_FALSE(builder.addExtension(1, value));
  CHECK(builder.addExtension(1, std::span<const uint8_t>(value).first(3)));
  CHECK_FALSE(builder.addExtension(2, std::span<const uint8_t>(value).first(1)));
  CHECK(builder.payload().empty());
  CHECK(builder.finish(0) == 20);

  std::array<uint8_t, 11> tiny{};
  RtpPacketBuilder none(tiny, kHeader);
  CHECK_FALSE(none.addExtension(1, value));
  CHECK(none.finish(0) == 0);
}
