#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "BatchQueue.hpp"
#include "FrameTransform.hpp"

namespace troupe {

struct FrameRelayOptions {
  /** Frames that are away at most; the one that is away longest makes room. */
  size_t maximumFrames = 64;
  /** Frames that come back later than this are dropped. */
  int64_t maximumHoldUs = 500'000;
};

/**
 * Hands the encoded frames of one stream to JavaScript with the batch of the tick, and takes them back whenever they
 * come: no thread of the engine waits for it. What does not come back, or comes too late, is dropped and counted.
 */
class FrameRelay final : public FrameTransform {
 public:
  static constexpr size_t kMaximumFrames = 1024;

  FrameRelay(uint32_t handle, FrameRelayOptions options, std::shared_ptr<BatchQueue> batches);

  /** Always empty: the frame is away. */
  std::span<const uint8_t> transform(const FrameInfo& info, std::span<const uint8_t> frame,
                                     std::span<uint8_t> out) override;
  bool holds() const override { return true; }
  void setOutlet(std::weak_ptr<FrameOutlet> outlet) override;
  FrameTransformCounts counts(int64_t nowUs) const override;

  /**
   * The frame that JavaScript got under this number goes on as `frame`. False when it is too late, or is not away: it
   * came back before, or made room for another. Each frame is counted once. Any thread.
   */
  bool enqueue(uint64_t number, std::span<const uint8_t> frame, int64_t nowUs);

 private:
  struct Slot {
    uint64_t number = 0;
    FrameInfo info;
    bool isAway = false;
  };
  struct Returned {
    FrameInfo info;
    std::weak_ptr<FrameOutlet> outlet;
  };

  /** Redundant copies (RFC 2198) of a frame that JavaScript had already. */
  bool wasHandedOver(const FrameInfo& info) const;
  /** What is away no more; nothing when it was not away, and without an outlet when its time is over. */
  std::optional<Returned> take(uint64_t number, int64_t nowUs);
  bool isInTime(const Slot& slot, int64_t nowUs) const { return nowUs - slot.info.timeUs <= options_.maximumHoldUs; }

  const uint32_t handle_;
  const FrameRelayOptions options_;
  const std::shared_ptr<BatchQueue> batches_;

  mutable std::mutex mutex_;
  std::weak_ptr<FrameOutlet> outlet_;
  std::vector<Slot> slots_;
  uint64_t nextNumber_ = 0;
  uint64_t passed_ = 0;
  uint64_t late_ = 0;
};

}  // namespace troupe
