#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "Audio.hpp"

struct SpeexResamplerState_;

namespace troupe {

/** Converts ticks of PCM between two formats: channels by mixing or doubling, rates by speexdsp. */
class Resampler {
 public:
  Resampler(PcmFormat from, PcmFormat to);
  ~Resampler();
  Resampler(const Resampler&) = delete;
  Resampler& operator=(const Resampler&) = delete;

  /** One tick in, one tick out; delays by about 1 ms when the rates differ. `out` gets the format `to`. */
  void convert(const PcmFrame& in, PcmFrame& out);

 private:
  void convertChannels(const int16_t* in, size_t samplesPerChannel, int16_t* out) const;

  const PcmFormat from_;
  const PcmFormat to_;
  SpeexResamplerState_* state_ = nullptr;
  /** What came in with the channels of `to_`, and what came out beyond one tick. */
  std::vector<int16_t> input_;
  std::vector<int16_t> output_;
  size_t held_ = 0;
};

}  // namespace troupe
