#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "Batch.hpp"

namespace troupe {

/**
 * Batches on their way to JavaScript. A stalled event loop finds at most `kMaximumWaiting` of them: the oldest audio is
 * dropped and counted, its events are kept up to a bound.
 */
class BatchQueue {
 public:
  /** Ticks of 10 ms: an event loop that stalls for less than this many loses nothing. */
  static constexpr size_t kMaximumWaiting = 64;
  /** Events that a batch holds at most; a loop that stalls for so long has lost more than these. */
  static constexpr size_t kMaximumEvents = 16'384;

  struct Counts {
    uint64_t batches = 0;
    uint64_t batchesDropped = 0;
    uint64_t framesDropped = 0;
    uint64_t eventsDropped = 0;
  };

  /** Adds to the batch that is being filled. Any thread. */
  void add(Batch& part);
  void event(RecordKind kind, uint32_t handle, double a = 0, double b = 0, double c = 0, double d = 0);
  /** An event whose third value points at a text. */
  void textEvent(RecordKind kind, uint32_t handle, double a, double b, const std::string& text);

  /** False when there is no room for it. */
  bool encodedFrame(uint32_t transform, uint64_t number, const FrameInfo& info, std::span<const uint8_t> frame);

  /** Closes the batch that is being filled; true when there is something for JavaScript to take. */
  bool flush();

  /** Swaps the oldest waiting batch with `into`, which is emptied first; false when none waits. */
  bool take(Batch& into);

  /** Whether there is something to take. */
  bool isWaiting() const;
  Counts counts() const;

 private:
  void dropOldest();
  bool hasRoom() const { return filling_.records.size() < kMaximumEvents * kRecordStride; }

  mutable std::mutex mutex_;
  Batch filling_;
  std::array<Batch, kMaximumWaiting> waiting_;
  size_t first_ = 0;
  size_t count_ = 0;
  /** Since the last batch that JavaScript took. */
  uint64_t newlyDroppedBatches_ = 0;
  uint64_t newlyDroppedFrames_ = 0;
  Counts counts_;
};

}  // namespace troupe
