#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "Producer.hpp"

namespace troupe {

/** Collects a producer's frames in one format and length, for JavaScript. */
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

  const uint32_t handle_;
  const PcmFormat format_;
  const size_t frameSamples_;
  std::shared_ptr<Producer> producer_;
  Producer::Output* output_ = nullptr;
  std::vector<int16_t> collected_;
  int64_t beganUs_ = 0;
  bool concealed_ = false;
};

}  // namespace troupe
