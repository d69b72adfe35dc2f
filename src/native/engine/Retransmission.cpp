#include "Retransmission.hpp"

#include <cstring>

#include "Bytes.hpp"
#include "RtpPacket.hpp"

namespace troupe {

size_t writeRetransmission(std::span<const uint8_t> packet, const RetransmissionHeader& header,
                           std::span<uint8_t> buffer) {
  RtpPacket original;
  if (packet.empty() || packet.size() + kOriginalNumberBytes > buffer.size() ||
      RtpPacket::parse(packet, original) != RtpParseError::none)
    return 0;
  const size_t headerBytes = original.headerBytes();
  std::memcpy(buffer.data(), packet.data(), headerBytes);
  buffer[1] = static_cast<uint8_t>((packet[1] & 0x80) | header.payloadType);
  writeU16(&buffer[2], header.sequenceNumber);
  writeU32(&buffer[8], header.ssrc);
  writeU16(&buffer[headerBytes], original.sequenceNumber());
  std::memcpy(&buffer[headerBytes + kOriginalNumberBytes], packet.data() + headerBytes, packet.size() - headerBytes);
  return packet.size() + kOriginalNumberBytes;
}

}  // namespace troupe
