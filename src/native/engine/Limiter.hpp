#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace troupe {

/**
 * Brings sums that exceed 16 bits down to them, by a gain that begins to fall before the peak and recovers slowly
 * after it. What never exceeds passes bit for bit. It hears `lookAhead` samples ahead and delays by as many; with 0
 * it looks ahead within each call only, and a peak at the very start of one may make a step.
 */
class Limiter {
 public:
  /** Samples per channel over which the gain falls. */
  Limiter(int rateHz, int channels, size_t lookAhead);

  /** The look-ahead of live mixes: short enough for a talk, long enough not to click. */
  static size_t liveLookAhead(int rateHz) { return static_cast<size_t>(rateHz) * 5 / 2000; }

  /** As many samples out as in; the first `lookAhead` of the first call are silence. `in` is interleaved. */
  void process(std::span<const int32_t> in, std::span<int16_t> out);

  /** Whether it holds anything but silence. */
  bool holdsSound() const { return heldPeak_ > 0; }

 private:
  void computeGains(size_t samplesPerChannel);

  const size_t channels_;
  const size_t lookAhead_;
  const float attackStep_;
  const float releaseStep_;
  /** What is held back and what came in, interleaved. */
  std::vector<int32_t> window_;
  std::vector<float> gains_;
  int32_t heldPeak_ = 0;
  float gain_ = 1;
};

}  // namespace troupe
