#pragma once
// Packets for tests: an RTP packet with its bytes, built in one line.

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "RtpPacketBuilder.hpp"

namespace troupe::test {

struct TestPacket {
  uint16_t sequenceNumber = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0x1234;
  uint8_t payloadType = 111;
  bool marker = false;
  std::vector<uint8_t> payload = {0xaa, 0xbb, 0xcc};
};

/** The bytes of a packet without extensions. */
inline std::vector<uint8_t> bytesOf(const TestPacket& packet) {
  const RtpHeader header{packet.payloadType, packet.marker, packet.sequenceNumber, packet.timestamp, packet.ssrc};
  std::vector<uint8_t> bytes(kMaximumForwardedPacketBytes);
  RtpPacketBuilder builder(bytes, header, bytes.size());
  const auto room = builder.payload();
  std::copy(packet.payload.begin(), packet.payload.end(), room.begin());
  bytes.resize(builder.finish(packet.payload.size()));
  return bytes;
}

/** `bytes` must outlive the view. */
inline RtpPacket viewOf(const std::vector<uint8_t>& bytes) {
  RtpPacket packet;
  if (RtpPacket::parse(bytes, packet) != RtpParseError::none) throw std::runtime_error("the test's packet is broken");
  return packet;
}

}  // namespace troupe::test
