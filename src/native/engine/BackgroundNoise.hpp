#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe {

/**
 * Learns how loud the noise behind a voice is and how it sounds, from what is heard in its pauses, and makes more of it:
 * white noise through an all-pole filter (linear prediction, as in RFC 3389). One channel; allocates nothing.
 */
class BackgroundNoise {
 public:
  /** Of the filter. */
  static constexpr size_t kOrder = 8;
  /** Louder noise than this (dBov) is made no louder: it was music, or a voice that never paused. */
  static constexpr double kLoudestDbov = -36;

  /** Hears 5 ms or more. Only what is about as soft as the softest of late and has no pitch is learnt from. */
  void learn(std::span<const int16_t> pcm);
  /** The next sample of noise; silence while nothing is known. */
  float next();

 private:
  using Correlation = std::array<double, kOrder + 1>;

  /** Makes the filter of `correlation_`; false when what it describes is a tone rather than noise. */
  bool makeFilter(const Correlation& correlation);

  /** Per sample, smoothed. */
  Correlation correlation_{};
  /** The power of a sample above which a block is no noise. */
  double ceiling_ = 0;
  std::array<float, kOrder> filter_{};
  /** How far the white noise reaches to either side. */
  float amplitude_ = 0;
  /** The newest first. */
  std::array<float, kOrder> past_{};
  bool known_ = false;
  uint32_t random_ = 1;
};

}  // namespace troupe
