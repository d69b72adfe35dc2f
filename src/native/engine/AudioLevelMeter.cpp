#include "AudioLevelMeter.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace troupe {

namespace {
constexpr double kFullScale = 32'768;
}  // namespace

void AudioLevelMeter::add(std::span<const int16_t> pcm) {
  // Whole numbers per block keep the loop vectorised: 2^30 times 480 samples fits with room to spare.
  int64_t squares = 0;
  int32_t peak = 0;
  for (const int16_t sample : pcm) {
    const int32_t value = sample;
    squares += int64_t{value} * value;
    peak = std::max(peak, value < 0 ? -value : value);
  }
  squares_ += static_cast<double>(squares);
  peak_ = std::max(peak_, peak);
  samples_ += pcm.size();
}

AudioLevel AudioLevelMeter::take() {
  const AudioLevel level{toDbov(linearRms()), toDbov(peak_ / kFullScale)};
  squares_ = 0;
  peak_ = 0;
  samples_ = 0;
  return level;
}

double AudioLevelMeter::linearRms() const {
  if (samples_ == 0) return 0;
  return std::sqrt(squares_ / static_cast<double>(samples_)) / kFullScale;
}

double AudioLevelMeter::toDbov(double linear) {
  if (linear <= 0) return kSilenceDbov;
  return std::clamp(20 * std::log10(linear), kSilenceDbov, 0.0);
}

}  // namespace troupe
