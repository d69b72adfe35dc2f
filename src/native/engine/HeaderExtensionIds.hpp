#pragma once
// The ids that one peer negotiated for the header extensions we know (RFC 8285). 0 means not negotiated.

#include <cstdint>

namespace troupe {

struct HeaderExtensionIds {
  /** urn:ietf:params:rtp-hdrext:sdes:mid (RFC 9143) */
  uint8_t mid = 0;
  /** urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id (RFC 8852) */
  uint8_t rid = 0;
  /** urn:ietf:params:rtp-hdrext:ssrc-audio-level (RFC 6464) */
  uint8_t audioLevel = 0;
  /** http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time */
  uint8_t absoluteSendTime = 0;
  /** draft-holmer-rmcat-transport-wide-cc-extensions-01 */
  uint8_t transportSequenceNumber = 0;
  /** urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id (RFC 8852) */
  uint8_t repairedRid = 0;

  bool operator==(const HeaderExtensionIds&) const = default;
};

}  // namespace troupe
