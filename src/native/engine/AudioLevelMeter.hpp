#pragma once
// Measures how loud PCM is: RMS and peak in dBov (RFC 6464: 0 is the loudest that fits, -127 is silence).

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe {

struct AudioLevel {
  double rmsDbov = -127;
  double peakDbov = -127;
};

class AudioLevelMeter {
 public:
  static constexpr double kSilenceDbov = -127;

  /** Interleaved or not makes no difference. */
  void add(std::span<const int16_t> pcm);
  /** The level of what was added since the last call. */
  AudioLevel take();
  bool isEmpty() const { return samples_ == 0; }
  size_t samples() const { return samples_; }

  /** WebRTC's audioLevel and audio energy want the linear RMS, 0 to 1. */
  double linearRms() const;

  static double toDbov(double linear);

 private:
  double squares_ = 0;
  int32_t peak_ = 0;
  size_t samples_ = 0;
};

}  // namespace troupe
