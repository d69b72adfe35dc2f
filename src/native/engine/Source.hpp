#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "BatchQueue.hpp"
#include "PcmRing.hpp"
#include "Producer.hpp"

namespace troupe {

/** What JavaScript writes and the engine plays: a ring that is read once a tick for all who hear it. */
class Source final : public Producer {
 public:
  enum class State : uint8_t { idle = 0, playing = 1, drained = 2 };

  /** How long after it ran dry a source counts as idle. */
  static constexpr int64_t kIdleAfterTicks = 20;

  Source(uint32_t handle, PcmFormat format, int capacityMs, std::shared_ptr<BatchQueue> events);

  // The writing side; any one thread.
  /** `dueUs`, monotonic, is when the first sample is to sound; nothing: right after what is queued. */
  size_t write(std::span<const int16_t> pcm, std::optional<int64_t> dueUs = std::nullopt) {
    return ring_.write(pcm, dueUs);
  }
  int64_t queuedUs() const;
  /** Takes effect with the next tick. Gives the samples per channel dropped; marks among them are reported as cleared. */
  size_t clear();
  bool mark(uint32_t id) { return ring_.mark(id); }
  const PcmFormat& format() const { return format_; }

  PcmFormat preferredFormat() const override { return {opusRateFor(format_.rateHz), format_.channels}; }

 protected:
  bool produce(const Tick& tick, PcmFrame& frame) override;

 private:
  void enter(State state, const Tick& tick);

  const PcmFormat format_;
  const std::shared_ptr<BatchQueue> events_;
  PcmRing ring_;
  std::atomic<bool> cleared_{false};
  State state_ = State::idle;
  int64_t drainedAt_ = 0;
  std::vector<uint32_t> reached_;
};

}  // namespace troupe
