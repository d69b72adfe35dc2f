#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::transport {

enum class PacketKind { dtls, rtp, rtcp, unknown };

/** Sorts a datagram by its first bytes (RFC 7983; RTCP by its packet type, RFC 5761). STUN never gets this far. */
inline PacketKind classifyPacket(const uint8_t* data, size_t size) {
  if (size < 2) return PacketKind::unknown;
  if (data[0] >= 20 && data[0] <= 63) return PacketKind::dtls;
  if (data[0] < 128 || data[0] > 191) return PacketKind::unknown;
  return data[1] >= 192 && data[1] <= 223 ? PacketKind::rtcp : PacketKind::rtp;
}

/** Whether a datagram beside the others is STUN: by its first bits and the magic cookie (RFC 8489, section 5). */
inline bool isStun(const uint8_t* data, size_t size) {
  return size >= 20 && data[0] <= 3 && data[4] == 0x21 && data[5] == 0x12 && data[6] == 0xa4 && data[7] == 0x42;
}

}  // namespace troupe::transport
