#pragma once
// Counts what was dropped, by reason. Any thread may count, any other may read.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "RtpPacket.hpp"

namespace troupe {

enum class DropReason : uint8_t {
  truncated,
  badHeader,
  badExtension,
  badPadding,
  badRtcp,
  unknownSsrc,
  unknownPayloadType,
  unknownRtcp,
  heldTooLong,
  holdingFull,
  queueFull,
  late,
  duplicate,
  outOfRange,
  tooLarge,
  decodeFailed,
  encodeFailed,
  notWritable,
  sendFailed,
  srtpReplay,
  srtpAuthentication,
  beforeKeys,
  heldByTransform,
  count,
};

/** The reason's name as it stands in statistics. */
const char* dropReasonName(DropReason reason);
/** Must not be asked about `none`. */
DropReason dropReasonOf(RtpParseError error);

class DropCounters {
 public:
  static constexpr size_t kReasons = static_cast<size_t>(DropReason::count);

  void add(DropReason reason, uint64_t count = 1) {
    counts_[static_cast<size_t>(reason)].fetch_add(count, std::memory_order_relaxed);
  }
  uint64_t get(DropReason reason) const { return counts_[static_cast<size_t>(reason)].load(std::memory_order_relaxed); }
  uint64_t total() const;

  /** Calls `visit(name, count)` for each reason that happened. */
  template <typename Visit>
  void forEach(Visit&& visit) const {
    for (size_t i = 0; i < kReasons; ++i) {
      const uint64_t count = counts_[i].load(std::memory_order_relaxed);
      if (count > 0) visit(dropReasonName(static_cast<DropReason>(i)), count);
    }
  }

 private:
  std::array<std::atomic<uint64_t>, kReasons> counts_{};
};

}  // namespace troupe
