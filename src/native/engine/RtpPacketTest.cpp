#include "RtpPacket.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace troupe;

namespace {
using Bytes = std::vector<uint8_t>;

const Bytes kFixed = {0x80, 0xef, 0x12, 0x34, 0x00, 0x01, 0x02, 0x03, 0xde, 0xad, 0xbe, 0xef};

Bytes with(Bytes bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
  return bytes;
}

Bytes withExtensions(uint16_t profile, const Bytes& elements, const Bytes& payload = {0x01}) {
  Bytes bytes = kFixed;
  bytes[0] |= 0x10;
  const auto words = elements.size() / 4;
  bytes = with(bytes, {static_cast<uint8_t>(profile >> 8), static_cast<uint8_t>(profile), 0, static_cast<uint8_t>(words)});
  return with(with(bytes, elements), payload);
}

RtpParseError errorOf(const Bytes& bytes) {
  RtpPacket packet;
  return RtpPacket::parse(bytes, packet);
}
}  // namespace

TEST_CASE("RtpPacket reads the fixed header and the payload") {
  const Bytes bytes = with(kFixed, {1, 2, 3});
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(bytes, packet) == RtpParseError::none);
  CHECK(packet.marker());
  CHECK(packet.payloadType() == 111);
  CHECK(packet.sequenceNumber() == 0x1234);
  CHECK(packet.timestamp() == 0x00010203);
  CHECK(packet.ssrc() == 0xdeadbeef);
  CHECK(packet.headerBytes() == 12);
  CHECK(Bytes(packet.payload().begin(), packet.payload().end()) == Bytes{1, 2, 3});
  CHECK(packet.extensions().empty());
}

TEST_CASE("RtpPacket takes a packet without payload") {
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(kFixed, packet) == RtpParseError::none);
  CHECK(packet.payload().empty());
}

TEST_CASE("RtpPacket refuses every truncation of a packet with CSRCs and extensions before its payload") {
  Bytes bytes = kFixed;
  bytes[0] |= 0x12;
  bytes = with(bytes, {0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0});
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK(errorOf(Bytes(bytes.begin(), bytes.begin() + size)) == RtpParseError::truncated);
  }
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(bytes, packet) == RtpParseError::none);
  CHECK(packet.csrcCount() == 2);
  CHECK(packet.headerBytes() == bytes.size());
}

TEST_CASE("RtpPacket refuses another version") {
  Bytes bytes = kFixed;
  bytes[0] = 0x40;
  CHECK(errorOf(bytes) == RtpParseError::badVersion);
}

TEST_CASE("RtpPacket takes padding off the payload") {
  Bytes bytes = with(kFixed, {1, 2, 0, 0, 3});
  bytes[0] |= 0x20;
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(bytes, packet) == RtpParseError::none);
  CHECK(packet.paddingBytes() == 3);
  CHECK(Bytes(packet.payload().begin(), packet.payload().end()) == Bytes{1, 2});
}

TEST_CASE("RtpPacket refuses padding that is zero, missing or longer than what follows the header") {
  Bytes zero = with(kFixed, {1, 0});
  zero[0] |= 0x20;
  CHECK(errorOf(zero) == RtpParseError::badPadding);
  Bytes tooLong = with(kFixed, {1, 3});
  tooLong[0] |= 0x20;
  CHECK(errorOf(tooLong) == RtpParseError::badPadding);
  Bytes none = kFixed;
  none[0] |= 0x20;
  CHECK(errorOf(none) == RtpParseError::badPadding);
}

TEST_CASE("RtpPacket reads one-byte extensions") {
  // id 1: "a0" as mid; padding; id 2: level 30 with voice; id 5: transport sequence number
  const Bytes bytes = withExtensions(0xbede, {0x11, 'a', '0', 0x00, 0x20, 0x9e, 0x51, 0x12, 0x34, 0, 0, 0});
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(bytes, packet) == RtpParseError::none);
  HeaderExtensionIds ids;
  ids.mid = 1;
  ids.audioLevel = 2;
  ids.transportSequenceNumber = 5;
  CHECK(packet.mid(ids) == "a0");
  REQUIRE(packet.audioLevel(ids).has_value());
  CHECK(packet.audioLevel(ids)->dBov == -30);
  CHECK(packet.audioLevel(ids)->voice);
  CHECK(packet.transportSequenceNumber(ids) == 0x1234);
  CHECK(packet.rid(ids).empty());
  CHECK_FALSE(packet.absoluteSendTime(ids).has_value());
}

TEST_CASE("RtpPacket reads two-byte extensions with empty and long elements") {
  Bytes elements = {20, 0, 21, 17};
  for (int i = 0; i < 17; ++i) elements.push_back(static_cast<uint8_t>('a' + i));
  elements.resize(24);
  const Bytes bytes = withExtensions(0x1003, elements);
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(bytes, packet) == RtpParseError::none);
  CHECK(packet.extensions().size() == 2);
  HeaderExtensionIds ids;
  ids.mid = 21;
  CHECK(packet.mid(ids) == "abcdefghijklmnopq");
}

TEST_CASE("RtpPacket stops at id 15 of the one-byte form") {
  const Bytes bytes = withExtensions(0xbede, {0x10, 0x55, 0xf7, 0x01});
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(bytes, packet) == RtpParseError::none);
  CHECK(packet.extensions().size() == 1);
}

TEST_CASE("RtpPacket refuses extension elements that reach beyond their block") {
  CHECK(errorOf(withExtensions(0xbede, {0x00, 0x00, 0x00, 0x13})) == RtpParseError::badExtension);
  CHECK(errorOf(withExtensions(0x1000, {0x00, 0x00, 0x00, 0x01})) == RtpParseError::badExtension);
  CHECK(errorOf(withExtensions(0x1000, {0x01, 0x03, 0x00, 0x00})) == RtpParseError::badExtension);
  CHECK(errorOf(withExtensions(0xbede, {0x03, 0x00, 0x00, 0x00})) == RtpParseError::badExtension);
}

TEST_CASE("RtpPacket skips an extension profile that it does not know") {
  const Bytes bytes = withExtensions(0x1234, {0xff, 0xff, 0xff, 0xff});
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(bytes, packet) == RtpParseError::none);
  CHECK(packet.extensions().empty());
  CHECK(packet.payload().size() == 1);
}

TEST_CASE("RtpPacket keeps only so many extension elements") {
  Bytes elements;
  for (int i = 0; i < 40; ++i) elements = with(elements, {0x10, 0x55});
  const Bytes bytes = withExtensions(0xbede, elements);
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(bytes, packet) == RtpParseError::none);
  CHECK(packet.extensions().size() == RtpPacket::kMaximumExtensions);
}

TEST_CASE("RtpPacket gives the packet that a retransmission repeats") {
  Bytes bytes{0x80, 97, 0, 9, 0, 0, 0, 77, 0, 0, 0, 5, 0xff, 0xfe, 1, 2, 3};
  RtpPacket packet;
  REQUIRE(RtpPacket::parse(bytes, packet) == RtpParseError::none);
  const auto original = packet.retransmitted(1234, 111);
  REQUIRE(original.has_value());
  CHECK(original->sequenceNumber() == 0xfffe);
  CHECK(original->ssrc() == 1234);
  CHECK(original->payloadType() == 111);
  CHECK(original->timestamp() == 77);
  CHECK(original->payload().size() == 3);
  CHECK(original->payload()[0] == 1);
  CHECK(original->headerBytes() + original->payload().size() == bytes.size());
  bytes.resize(14);
  REQUIRE(RtpPacket::parse(bytes, packet) == RtpParseError::none);
  CHECK_FALSE(packet.retransmitted(1234, 111).has_value());
}

TEST_CASE("RTCP is told from RTP by its second byte") {
  CHECK(isRtcp(Bytes{0x80, 200}));
  CHECK(isRtcp(Bytes{0x80, 206}));
  CHECK_FALSE(isRtcp(Bytes{0x80, 111}));
  CHECK_FALSE(isRtcp(Bytes{0x80, 0xef}));
  CHECK_FALSE(isRtcp(Bytes{0x80}));
}
