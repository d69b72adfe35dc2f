#pragma once
// What a receiver knows of one stream: counts, loss and jitter for receiver reports (RFC 3550 appendix A).

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "RtcpTypes.hpp"
#include "SenderReportTiming.hpp"
#include "SequenceUnwrapper.hpp"

namespace troupe {

class ReceptionStatistics {
 public:
  enum class Arrival : uint8_t { inOrder, reordered, duplicate, outOfRange, restarted };

  /** Forward and backward jumps beyond these are taken for a restart when the next packet agrees with them. */
  static constexpr int64_t kMaximumDropout = 3000;
  static constexpr int64_t kMaximumMisorder = 1000;
  /** How far back duplicates are told from late packets. */
  static constexpr size_t kDuplicateWindow = 1024;

  explicit ReceptionStatistics(uint32_t clockRate);

  /**
   * `outOfRange` packets are not counted as received and should be dropped; so should a `duplicate`, which may also be
   * the late original of what was repaired.
   */
  Arrival onPacket(uint16_t sequenceNumber, uint32_t timestamp, int64_t arrivalUs, size_t headerBytes, size_t payloadBytes);

  /**
   * A packet of the stream that came by another one, its retransmissions (RFC 4588): it counts as lost here, since the
   * report is of what the network did to the original stream.
   */
  Arrival onRepair(uint16_t sequenceNumber);

  /** Report block for `ssrc`; each call starts a new interval for the fraction lost. */
  ReportBlock takeReportBlock(uint32_t ssrc, const SenderReportTiming& timing, int64_t nowUs);

  void setClockRate(uint32_t clockRate) { clockRate_ = clockRate; }
  bool hasPackets() const { return started_; }
  uint64_t packetsReceived() const { return packetsReceived_; }
  uint64_t bytesReceived() const { return bytesReceived_; }
  uint64_t headerBytesReceived() const { return headerBytesReceived_; }
  uint64_t packetsDuplicated() const { return packetsDuplicated_; }
  /** Expected less received; below zero when a sender repeats more than it loses. */
  int64_t packetsLost() const;
  double jitterSeconds() const;
  int64_t lastArrivalUs() const { return lastArrivalUs_; }
  /** The longest time between two packets since the last call. */
  int64_t takeLongestGapUs() { return std::exchange(longestGapUs_, 0); }
  uint32_t extendedHighestSequenceNumber() const;

 private:
  void start(uint16_t sequenceNumber);
  using Window = std::array<uint64_t, kDuplicateWindow / 64>;
  static bool isMarked(const Window& window, int64_t sequence);
  static void mark(Window& window, int64_t sequence);
  int64_t unwrap(uint16_t sequenceNumber) const;
  /** Makes room for what is newer than all before. */
  void advanceTo(int64_t sequence);
  void updateJitter(uint32_t timestamp, int64_t arrivalUs);
  int64_t expected() const { return expectedInEarlierRuns_ + (started_ ? highest_ - first_ + 1 : 0); }

  uint32_t clockRate_;
  bool started_ = false;
  /** Unwrapped; a run begins in the second turn, so that what came before its first packet is not negative. */
  int64_t first_ = 0;
  int64_t highest_ = 0;
  int64_t expectedInEarlierRuns_ = 0;
  /** The sequence number that would confirm a restart; -1 for none. */
  int32_t restartCandidate_ = -1;
  /** What came as itself, and what came as a repair. */
  Window seen_{};
  Window repaired_{};

  uint64_t packetsReceived_ = 0;
  uint64_t bytesReceived_ = 0;
  uint64_t headerBytesReceived_ = 0;
  uint64_t packetsDuplicated_ = 0;
  int64_t lastArrivalUs_ = 0;
  int64_t longestGapUs_ = 0;
  /** At the last report. */
  int64_t expectedPrior_ = 0;
  int64_t receivedPrior_ = 0;

  bool hasTransit_ = false;
  uint32_t lastTimestamp_ = 0;
  int64_t lastTransitArrivalUs_ = 0;
  /** In units of the RTP clock. */
  double jitter_ = 0;
};

}  // namespace troupe
