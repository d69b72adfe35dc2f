#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

struct soxr;

namespace troupe {

/**
 * Converts interleaved samples of any length between any two rates by soxr: better than speexdsp, and later, since it
 * holds samples back. For files and for users; the engine's own conversions are `Resampler`'s.
 */
class SoxResampler {
 public:
  enum class Quality { quick, low, medium, high, veryHigh };

  /** Throws std::runtime_error when soxr refuses the rates. */
  SoxResampler(int fromHz, int toHz, int channels, Quality quality);
  ~SoxResampler();
  SoxResampler(const SoxResampler&) = delete;
  SoxResampler& operator=(const SoxResampler&) = delete;

  /** What is ready by now, appended to `out`; it may be nothing. */
  void push(std::span<const int16_t> samples, std::vector<int16_t>& out);
  /** Appends what was held back, and begins anew. */
  void flush(std::vector<int16_t>& out);

  int channels() const { return channels_; }

 private:
  void process(const int16_t* in, size_t samplesPerChannel, std::vector<int16_t>& out);

  const int channels_;
  const double ratio_;
  soxr* state_ = nullptr;
};

}  // namespace troupe
