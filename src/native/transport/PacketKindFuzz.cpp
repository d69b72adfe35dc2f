// Any bytes as a datagram: it is sorted as RFC 7983 has it, by no more bytes than it has.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../engine/FuzzInput.hpp"
#include "PacketKind.hpp"

using namespace troupe::transport;
using troupe::test::require;

namespace {

/** The table of RFC 7983, section 7, by its upper bounds. */
PacketKind expectedKind(const std::vector<uint8_t>& datagram) {
  if (datagram.size() < 2) return PacketKind::unknown;
  const uint8_t first = datagram[0];
  if (first <= 3) return PacketKind::unknown;    // STUN
  if (first <= 19) return PacketKind::unknown;   // ZRTP, and nothing
  if (first <= 63) return PacketKind::dtls;
  if (first <= 127) return PacketKind::unknown;  // TURN channels, and nothing
  if (first >= 192) return PacketKind::unknown;
  // RTCP packet types as a marker bit and payload types that RTP leaves free for them (RFC 5761, section 4).
  const uint8_t payloadType = datagram[1] & 0x7f;
  return datagram[1] >= 128 && payloadType >= 64 && payloadType <= 95 ? PacketKind::rtcp : PacketKind::rtp;
}

bool expectedStun(const std::vector<uint8_t>& datagram) {
  static const std::vector<uint8_t> cookie = {0x21, 0x12, 0xa4, 0x42};
  return datagram.size() >= 20 && (datagram[0] & 0xc0) == 0 && datagram[0] < 4 &&
         std::equal(cookie.begin(), cookie.end(), datagram.begin() + 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> datagram(data, data + size);
  require(classifyPacket(datagram.data(), datagram.size()) == expectedKind(datagram));
  require(isStun(datagram.data(), datagram.size()) == expectedStun(datagram));
  return 0;
}
