#pragma once

#include <cstdint>
#include <vector>

#include "Audio.hpp"

struct SpeexResamplerState_;

namespace troupe {

/**
 * Converts ticks of the engine's formats to any rate and up to eight channels, for sinks. A rate that makes no whole
 * samples of a tick gives now one more, now one less. Mono goes to every channel; of stereo the first two carry it
 * and the others are silent.
 */
class StreamConverter {
 public:
  StreamConverter(PcmFormat from, PcmFormat to);
  ~StreamConverter();
  StreamConverter(const StreamConverter&) = delete;
  StreamConverter& operator=(const StreamConverter&) = delete;

  /** Appends one tick. */
  void convert(const PcmFrame& in, std::vector<int16_t>& out);

 private:
  const PcmFormat from_;
  const PcmFormat to_;
  SpeexResamplerState_* state_ = nullptr;
  std::vector<int16_t> converted_;
};

}  // namespace troupe
