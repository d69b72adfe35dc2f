#include "GainRamp.hpp"

#include <cmath>

namespace troupe {

namespace {

/** Gains are multiplied as integers of this many fraction bits. */
constexpr int kFractionBits = 14;

int32_t scale(int16_t sample, float gain) {
  const auto factor = static_cast<int64_t>(std::lround(gain * (1 << kFractionBits)));
  return static_cast<int32_t>((sample * factor) >> kFractionBits);
}

}  // namespace

void GainRamp::setTarget(float gain, size_t samplesPerChannel) {
  target_ = gain;
  remaining_ = samplesPerChannel;
  if (remaining_ == 0) gain_ = gain;
  else step_ = (gain - gain_) / static_cast<float>(remaining_);
}

void GainRamp::apply(std::span<const int16_t> in, int channels, std::span<int32_t> out) {
  const auto count = static_cast<size_t>(channels);
  size_t at = 0;
  for (; remaining_ > 0 && at + count <= in.size(); at += count) {
    gain_ += step_;
    if (--remaining_ == 0) gain_ = target_;
    for (size_t channel = 0; channel < count; ++channel) out[at + channel] = scale(in[at + channel], gain_);
  }
  const auto factor = static_cast<int64_t>(std::lround(gain_ * (1 << kFractionBits)));
  for (; at < in.size(); ++at) out[at] = static_cast<int32_t>((in[at] * factor) >> kFractionBits);
}

void GainRamp::skip(size_t samplesPerChannel) {
  if (remaining_ == 0) return;
  if (samplesPerChannel >= remaining_) {
    remaining_ = 0;
    gain_ = target_;
    return;
  }
  remaining_ -= samplesPerChannel;
  gain_ += step_ * static_cast<float>(samplesPerChannel);
}

}  // namespace troupe
