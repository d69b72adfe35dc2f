#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe {

/** RFC 4588, section 4: the original sequence number stands before the original payload. */
inline constexpr size_t kOriginalNumberBytes = 2;

/** A stream of retransmissions. */
struct RetransmissionHeader {
  uint32_t ssrc = 0;
  uint8_t payloadType = 0;
  uint16_t sequenceNumber = 0;
};

/** Writes `packet` again as RTX; gives the size, 0 when it does not fit or is no packet. */
size_t writeRetransmission(std::span<const uint8_t> packet, const RetransmissionHeader& header,
                           std::span<uint8_t> buffer);

}  // namespace troupe
