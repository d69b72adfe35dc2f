#include "BatchQueue.hpp"

#include <utility>

namespace troupe {

void BatchQueue::add(Batch& part) {
  if (part.empty()) return;
  std::lock_guard lock(mutex_);
  if (hasRoom()) {
    filling_.append(part);
  } else {
    counts_.eventsDropped += part.records.size() / kRecordStride;
    part.clear();
  }
}

void BatchQueue::event(RecordKind kind, uint32_t handle, double a, double b, double c, double d) {
  std::lock_guard lock(mutex_);
  if (hasRoom()) filling_.event(kind, handle, a, b, c, d);
  else ++counts_.eventsDropped;
}

void BatchQueue::textEvent(RecordKind kind, uint32_t handle, double a, double b, const std::string& text) {
  std::lock_guard lock(mutex_);
  if (hasRoom()) filling_.event(kind, handle, a, b, text.empty() ? -1 : filling_.text(text));
  else ++counts_.eventsDropped;
}

bool BatchQueue::encodedFrame(uint32_t transform, uint64_t number, const FrameInfo& info,
                              std::span<const uint8_t> frame) {
  std::lock_guard lock(mutex_);
  if (!hasRoom()) {
    ++counts_.eventsDropped;
    return false;
  }
  filling_.encodedFrame(transform, number, info, frame);
  return true;
}

bool BatchQueue::flush() {
  std::lock_guard lock(mutex_);
  if (!filling_.empty()) {
    if (count_ == kMaximumWaiting) dropOldest();
    Batch& slot = waiting_[(first_ + count_) % kMaximumWaiting];
    slot.clear();
    std::swap(slot, filling_);
    ++count_;
    ++counts_.batches;
  }
  return count_ > 0;
}

void BatchQueue::dropOldest() {
  Batch& oldest = waiting_[first_];
  const size_t frames = oldest.dropFrames();
  first_ = (first_ + 1) % kMaximumWaiting;
  --count_;
  ++counts_.batchesDropped;
  ++newlyDroppedBatches_;
  counts_.framesDropped += frames;
  newlyDroppedFrames_ += frames;
  if (oldest.empty()) return;
  // Its events go in front of the next one's, so that they stay in order.
  Batch& next = waiting_[first_];
  if (oldest.records.size() + next.records.size() > kMaximumEvents * kRecordStride) {
    counts_.eventsDropped += oldest.records.size() / kRecordStride;
    return;
  }
  oldest.append(next);
  std::swap(oldest, next);
}

bool BatchQueue::take(Batch& into) {
  into.clear();
  std::lock_guard lock(mutex_);
  if (count_ == 0) return false;
  std::swap(into, waiting_[first_]);
  first_ = (first_ + 1) % kMaximumWaiting;
  --count_;
  if (newlyDroppedBatches_ > 0) {
    into.event(RecordKind::dropped, 0, static_cast<double>(newlyDroppedBatches_),
               static_cast<double>(newlyDroppedFrames_));
    newlyDroppedBatches_ = 0;
    newlyDroppedFrames_ = 0;
  }
  return true;
}

bool BatchQueue::isWaiting() const {
  std::lock_guard lock(mutex_);
  return count_ > 0;
}

BatchQueue::Counts BatchQueue::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace troupe
