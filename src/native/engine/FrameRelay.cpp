#include "FrameRelay.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

FrameRelay::FrameRelay(uint32_t handle, FrameRelayOptions options, std::shared_ptr<BatchQueue> batches)
    : handle_(handle), options_(options), batches_(std::move(batches)), slots_(options.maximumFrames) {}

std::span<const uint8_t> FrameRelay::transform(const FrameInfo& info, std::span<const uint8_t> frame,
                                               std::span<uint8_t>) {
  std::lock_guard lock(mutex_);
  if (frame.empty() || (info.isCopy && wasHandedOver(info))) return {};
  Slot& slot = slots_[nextNumber_ % slots_.size()];
  slot.number = nextNumber_++;
  slot.info = info;
  slot.isAway = batches_->encodedFrame(handle_, slot.number, info, frame);
  return {};
}

bool FrameRelay::wasHandedOver(const FrameInfo& info) const {
  const size_t used = static_cast<size_t>(std::min<uint64_t>(nextNumber_, slots_.size()));
  return std::any_of(slots_.begin(), slots_.begin() + static_cast<ptrdiff_t>(used), [&](const Slot& slot) {
    return slot.info.ssrc == info.ssrc && slot.info.timestamp == info.timestamp;
  });
}

bool FrameRelay::enqueue(uint64_t number, std::span<const uint8_t> frame, int64_t nowUs) {
  const auto back = take(number, nowUs);
  if (!back) return false;
  const auto outlet = back->outlet.lock();
  // Not under the lock: the stream has its own, and holds that while it hands a frame over.
  const bool isTaken = outlet && outlet->resume(back->info, frame);
  std::lock_guard lock(mutex_);
  ++(isTaken ? passed_ : late_);
  return isTaken;
}

std::optional<FrameRelay::Returned> FrameRelay::take(uint64_t number, int64_t nowUs) {
  std::lock_guard lock(mutex_);
  Slot& slot = slots_[number % slots_.size()];
  if (slot.number != number || !std::exchange(slot.isAway, false)) return std::nullopt;
  if (!isInTime(slot, nowUs)) return Returned{};
  Returned back{slot.info, outlet_};
  back.info.timeUs = nowUs;
  return back;
}

void FrameRelay::setOutlet(std::weak_ptr<FrameOutlet> outlet) {
  std::lock_guard lock(mutex_);
  outlet_ = std::move(outlet);
}

FrameTransformCounts FrameRelay::counts(int64_t nowUs) const {
  std::lock_guard lock(mutex_);
  FrameTransformCounts counts;
  counts.frames = nextNumber_;
  counts.passed = passed_;
  counts.late = late_;
  counts.waiting = static_cast<uint64_t>(std::count_if(
      slots_.begin(), slots_.end(), [&](const Slot& slot) { return slot.isAway && isInTime(slot, nowUs); }));
  counts.dropped = counts.frames - std::min(counts.frames, counts.passed + counts.late + counts.waiting);
  return counts;
}

}  // namespace troupe
