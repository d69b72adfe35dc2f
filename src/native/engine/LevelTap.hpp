#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "AudioLevelMeter.hpp"
#include "Producer.hpp"

namespace troupe {

/** Reports how loud a producer is, every so many ticks. */
class LevelTap final : public Task {
 public:
  LevelTap(std::shared_ptr<Producer> producer, int intervalMs)
      : producer_(std::move(producer)),
        output_(producer_->open(producer_->preferredFormat())),
        ticksPerReport_(intervalMs < kTickMs ? 1 : intervalMs / kTickMs) {}
  ~LevelTap() override { producer_->close(output_); }

  void run(const Tick& tick) override {
    if (const PcmFrame* frame = producer_->pull(*output_, tick))
      meter_.add(std::span(frame->samples).first(frame->format.samples()));
    if (++ticks_ < ticksPerReport_) return;
    ticks_ = 0;
    const AudioLevel level = meter_.take();
    tick.out.event(RecordKind::level, producer_->handle(), level.rmsDbov, level.peakDbov);
  }
  Producer* upstream() const override { return producer_.get(); }

 private:
  const std::shared_ptr<Producer> producer_;
  Producer::Output* const output_;
  const int ticksPerReport_;
  int ticks_ = 0;
  AudioLevelMeter meter_;
};

}  // namespace troupe
