#include "Limiter.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace troupe {

namespace {

constexpr int32_t kCeiling = std::numeric_limits<int16_t>::max();
/** From silence to full gain. */
constexpr float kReleaseMs = 200;
/** How fast the gain falls where nothing is held back. */
constexpr float kAttackMs = 2.5F;

int32_t peakOf(std::span<const int32_t> samples) {
  int32_t peak = 0;
  for (const int32_t sample : samples) peak = std::max(peak, std::abs(sample));
  return peak;
}

}  // namespace

Limiter::Limiter(int rateHz, int channels, size_t lookAhead)
    : channels_(static_cast<size_t>(channels)),
      lookAhead_(lookAhead),
      attackStep_(1 / (lookAhead > 0 ? static_cast<float>(lookAhead) : kAttackMs * static_cast<float>(rateHz) / 1000)),
      releaseStep_(1000 / (kReleaseMs * static_cast<float>(rateHz))),
      window_(lookAhead * channels_, 0) {}

void Limiter::process(std::span<const int32_t> in, std::span<int16_t> out) {
  const size_t held = lookAhead_ * channels_;
  window_.resize(held);
  window_.insert(window_.end(), in.begin(), in.end());
  if (gain_ == 1 && heldPeak_ <= kCeiling && peakOf(in) <= kCeiling) {
    std::transform(window_.begin(), window_.begin() + static_cast<ptrdiff_t>(in.size()), out.begin(),
                   [](int32_t sample) { return static_cast<int16_t>(sample); });
  } else {
    const size_t samplesPerChannel = in.size() / channels_;
    computeGains(samplesPerChannel);
    for (size_t at = 0; at < in.size(); ++at) {
      const auto scaled = static_cast<int32_t>(static_cast<float>(window_[at]) * gains_[at / channels_]);
      // The one rounding error that float makes of a peak.
      out[at] = static_cast<int16_t>(std::clamp(scaled, -kCeiling - 1, kCeiling));
    }
    gain_ = gains_[samplesPerChannel - 1];
  }
  window_.erase(window_.begin(), window_.begin() + static_cast<ptrdiff_t>(in.size()));
  heldPeak_ = peakOf(window_);
}

void Limiter::computeGains(size_t samplesPerChannel) {
  const size_t length = window_.size() / channels_;
  gains_.resize(length);
  // Backwards, so that the gain falls ahead of each peak; then forwards, so that it recovers slowly.
  float next = 1;
  for (size_t at = length; at-- > 0;) {
    const int32_t peak = peakOf(std::span(window_).subspan(at * channels_, channels_));
    const float wanted = peak > kCeiling ? static_cast<float>(kCeiling) / static_cast<float>(peak) : 1;
    next = std::min(wanted, next + attackStep_);
    gains_[at] = next;
  }
  float previous = gain_;
  for (size_t at = 0; at < samplesPerChannel; ++at) {
    previous = std::min(gains_[at], previous + releaseStep_);
    gains_[at] = previous;
  }
}

}  // namespace troupe
