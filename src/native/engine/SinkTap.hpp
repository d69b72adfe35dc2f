#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "Producer.hpp"
#include "StreamConverter.hpp"

namespace troupe {

/**
 * Collects a producer's frames in one format and length, for JavaScript. Rates and channel counts that the engine has
 * not are converted from 48 kHz.
 */
class SinkTap final : public Task {
 public:
  SinkTap(uint32_t handle, PcmFormat format, int frameMs);
  ~SinkTap() override;

  /** While no tick runs. */
  void bind(std::shared_ptr<Producer> producer);
  void run(const Tick& tick) override;
  Producer* upstream() const override { return producer_.get(); }

 private:
  void begin(const Tick& tick);
  void collect(const PcmFrame& frame);
  void giveOut(const Tick& tick);

  const uint32_t handle_;
  const PcmFormat format_;
  /** What it asks its producer for. */
  const PcmFormat engineFormat_;
  const size_t frameSamples_;
  const std::unique_ptr<StreamConverter> converter_;
  std::shared_ptr<Producer> producer_;
  Producer::Output* output_ = nullptr;
  std::vector<int16_t> collected_;
  int64_t beganUs_ = 0;
  bool concealed_ = false;
};

}  // namespace troupe
