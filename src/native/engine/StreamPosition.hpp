#pragma once

#include <cstdint>

#include "StreamOptions.hpp"

namespace troupe {

/**
 * Where an outgoing stream stood when it ended. One that goes on under its SSRC begins there: a sequence number that
 * was used before would use SRTP's key stream twice (RFC 3711, section 9.1), and a jump would upset its rollover counter.
 */
struct StreamPosition {
  uint16_t nextSequenceNumber = 0;
  uint16_t nextRetransmissionNumber = 0;
  uint32_t clockRate = 0;
  /** Added to the time of the tick to give the timestamp. */
  uint32_t timestampOffset = 0;
  /** Of the last packet: its timestamp, the tick of its first sample, and when that was due. */
  uint32_t lastTimestamp = 0;
  int64_t lastStartTick = 0;
  int64_t lastStartUs = 0;
  /** What sender reports count goes on too (RFC 3550, section 6.4.1). */
  OutboundStats stats;
};

}  // namespace troupe
