#pragma once
// Knows which sequence numbers are missing and when to ask for them (again).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "SequenceUnwrapper.hpp"

namespace troupe {

/** Bounded: the oldest missing number is given up when there is no room. Allocates nothing. */
class NackGenerator {
 public:
  static constexpr size_t kMaximumMissing = 128;
  static constexpr uint8_t kMaximumRequests = 5;
  /** Reordering is no loss: the first request waits this long. */
  static constexpr int64_t kFirstRequestDelayUs = 5'000;
  static constexpr int64_t kMinimumRetryUs = 20'000;
  /** Gaps beyond this are a restart, not loss. */
  static constexpr int64_t kMaximumGap = 128;
  /** A packet this far back begins a new run. */
  static constexpr int64_t kRestartDistance = 1'000;

  /** `maximumAgeUs`: a packet that would come later than this after it was missed is of no use. */
  explicit NackGenerator(int64_t maximumAgeUs = 400'000) : maximumAgeUs_(maximumAgeUs) {}

  /** When packets are to be played: what would come later than that is not asked for. */
  struct Playout {
    /** Of the newest packet. */
    int64_t newestDueUs = 0;
    /** From one packet to the next. */
    int64_t intervalUs = 0;
  };

  /** When the packet was missing and had been asked for: how long ago, in us. */
  std::optional<int64_t> onPacket(uint16_t sequenceNumber, int64_t nowUs);
  /** Fills `requests` with what to ask for now, ascending; gives how many. Without `playout` only age counts. */
  size_t collect(int64_t nowUs, int64_t roundTripUs, std::span<uint16_t> requests,
                 const std::optional<Playout>& playout = std::nullopt);

  void setMaximumAgeUs(int64_t maximumAgeUs) { maximumAgeUs_ = maximumAgeUs; }
  void reset();
  size_t missing() const { return count_; }
  uint64_t requested() const { return requested_; }
  uint64_t recovered() const { return recovered_; }
  uint64_t givenUp() const { return givenUp_; }

 private:
  struct Missing {
    int64_t sequence = 0;
    int64_t sinceUs = 0;
    int64_t lastRequestUs = 0;
    uint8_t requests = 0;
  };
  void add(int64_t sequence, int64_t nowUs);
  bool isTooLate(const Missing& missing, int64_t arrivesUs, const std::optional<Playout>& playout) const;
  /** The missing packet, forgotten from then on. */
  std::optional<Missing> remove(int64_t sequence);

  SequenceUnwrapper unwrapper_;
  int64_t highest_ = 0;
  int64_t maximumAgeUs_;
  std::array<Missing, kMaximumMissing> missing_;
  size_t count_ = 0;
  uint64_t requested_ = 0;
  uint64_t recovered_ = 0;
  uint64_t givenUp_ = 0;
};

}  // namespace troupe
