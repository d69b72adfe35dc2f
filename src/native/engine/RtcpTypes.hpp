#pragma once
// What RTCP packets carry (RFC 3550 section 6, RFC 4585, RFC 5104), as plain values.

#include <cstdint>

namespace troupe {

inline constexpr uint8_t kRtcpSenderReport = 200;
inline constexpr uint8_t kRtcpReceiverReport = 201;
inline constexpr uint8_t kRtcpSourceDescription = 202;
inline constexpr uint8_t kRtcpBye = 203;
inline constexpr uint8_t kRtcpTransportFeedback = 205;
inline constexpr uint8_t kRtcpPayloadFeedback = 206;

struct ReportBlock {
  uint32_t ssrc = 0;
  /** Of 256, since the last report. */
  uint8_t fractionLost = 0;
  /** 24 bits signed on the wire. */
  int32_t cumulativeLost = 0;
  uint32_t extendedHighestSequenceNumber = 0;
  /** In units of the RTP clock. */
  uint32_t jitter = 0;
  /** Middle 32 bits of the NTP time of the last sender report; 0 when there was none. */
  uint32_t lastSenderReport = 0;
  /** 1/65536 s since then. */
  uint32_t delaySinceLastSenderReport = 0;

  bool operator==(const ReportBlock&) const = default;
};

/** What a receiver says of all packets of a transport in a row (draft-holmer-rmcat-transport-wide-cc-extensions-01). */
struct TransportFeedback {
  uint16_t baseSequenceNumber = 0;
  uint16_t packetCount = 0;
  /** Of those the ones that came. */
  uint32_t receivedCount = 0;
  /** Counts its sender's messages. */
  uint8_t feedbackCount = 0;

  bool operator==(const TransportFeedback&) const = default;
};

struct SenderInfo {
  /** 32.32 fixed point, seconds since 1900. */
  uint64_t ntpTime = 0;
  uint32_t rtpTimestamp = 0;
  uint32_t packetCount = 0;
  uint32_t octetCount = 0;

  bool operator==(const SenderInfo&) const = default;
};

}  // namespace troupe
