#pragma once
// Finds after how many samples speech repeats itself.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "Audio.hpp"

namespace troupe {

/** Allocates in the constructor only. */
class PitchFinder {
 public:
  /** Periods of voices from 400 Hz down to 66 Hz. */
  static constexpr int64_t kShortestPeriodUs = 2'500;
  static constexpr int64_t kLongestPeriodUs = 15'000;

  struct Match {
    /** Samples per channel; 0 when the span was too short to look. */
    size_t period = 0;
    /** How alike what is a period apart is: 1 the same, 0 unrelated. */
    double likeness = 0;
    /** Mean square of one sample. */
    double power = 0;
  };

  explicit PitchFinder(PcmFormat format);

  /**
   * The period after which interleaved `pcm` repeats itself best, at most half its length. Two stretches of one period
   * at its end are compared, so the match holds there.
   */
  Match find(std::span<const int16_t> pcm);

  size_t shortestPeriod() const { return shortest_; }
  size_t longestPeriod() const { return longest_; }

 private:
  double mixedAt(std::span<const int16_t> pcm, size_t sample) const;
  /** Of the `length` samples before `end` with those `lag` before them. */
  double likeness(std::span<const float> samples, size_t end, size_t length, size_t lag) const;

  const size_t channels_;
  const size_t decimation_;
  const size_t shortest_;
  const size_t longest_;
  std::vector<float> whole_;
  std::vector<float> coarse_;
};

}  // namespace troupe
