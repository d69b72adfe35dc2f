#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe {

/** A linear gain that moves to its target over a given number of samples. */
class GainRamp {
 public:
  explicit GainRamp(float gain) : gain_(gain), target_(gain) {}

  /** Moves to `gain` over `samplesPerChannel`; at once when that is 0. */
  void setTarget(float gain, size_t samplesPerChannel);

  /** Scales interleaved samples; the gain moves once a sample of all channels. */
  void apply(std::span<const int16_t> in, int channels, std::span<int32_t> out);

  /** Moves on by samples that nobody heard. */
  void skip(size_t samplesPerChannel);

  float gain() const { return gain_; }

 private:
  float gain_;
  float target_;
  float step_ = 0;
  size_t remaining_ = 0;
};

}  // namespace troupe
