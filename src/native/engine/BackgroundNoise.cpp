#include "BackgroundNoise.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {

namespace {

constexpr double kFullScale = 32'768;
/** What is this many times as strong as the noise known so far is no noise. */
constexpr double kLouder = 2;
/** By which the noise known is believed to be louder with every block that is too loud: doubled in 4 s of 20 ms. */
constexpr double kRise = 1.0035;
/** Softer than this (-70 dBov), anything counts as noise. */
constexpr double kLeastCeiling = 1e-7 * kFullScale * kFullScale;
/** What a new block weighs; much softer ones, and louder ones that have lasted, replace all that was learnt. */
constexpr double kWeight = 0.125;
constexpr double kMuchSofter = 0.25;
/** Where prediction leaves less of the power than this, there is a pitch. */
constexpr double kLeastUnpredicted = 0.05;
/** A floor of white noise, so that the filter is stable. */
constexpr double kWhite = 1.0001;

}  // namespace

void BackgroundNoise::learn(std::span<const int16_t> pcm) {
  if (pcm.size() <= kOrder) return;
  const auto count = static_cast<double>(pcm.size());
  int64_t squares = 0;
  for (const int16_t sample : pcm) squares += int64_t{sample} * sample;
  const double power = static_cast<double>(squares) / count;
  if (known_ && power > ceiling_) {
    ceiling_ *= kRise;
    return;
  }
  Correlation heard{};
  heard[0] = power;
  for (size_t lag = 1; lag <= kOrder; ++lag) {
    int64_t sum = 0;
    for (size_t at = lag; at < pcm.size(); ++at) sum += int64_t{pcm[at]} * pcm[at - lag];
    heard[lag] = static_cast<double>(sum) / count;
  }
  const bool isOther = power < kMuchSofter * correlation_[0] || power > kLouder * correlation_[0];
  const double weight = !known_ || isOther ? 1 : kWeight;
  for (size_t lag = 0; lag <= kOrder; ++lag) heard[lag] = correlation_[lag] + weight * (heard[lag] - correlation_[lag]);
  if (!makeFilter(heard)) return;
  correlation_ = heard;
  ceiling_ = std::max(kLouder * heard[0], kLeastCeiling);
  known_ = true;
}

/** By Levinson and Durbin. */
bool BackgroundNoise::makeFilter(const Correlation& correlation) {
  std::array<double, kOrder> filter{};
  double left = correlation[0] * kWhite;
  for (size_t order = 0; order < kOrder && left > 0; ++order) {
    double sum = correlation[order + 1];
    for (size_t tap = 0; tap < order; ++tap) sum -= filter[tap] * correlation[order - tap];
    const double reflection = sum / left;
    const auto before = filter;
    for (size_t tap = 0; tap < order; ++tap) filter[tap] -= reflection * before[order - 1 - tap];
    filter[order] = reflection;
    left *= 1 - reflection * reflection;
  }
  if (left < kLeastUnpredicted * correlation[0]) return false;
  std::copy(filter.begin(), filter.end(), filter_.begin());
  const double loudest = std::pow(10, kLoudestDbov / 10) * kFullScale * kFullScale;
  const double scale = correlation[0] > loudest ? loudest / correlation[0] : 1;
  // Evenly spread noise has a third of its reach squared as power.
  amplitude_ = static_cast<float>(std::sqrt(3 * std::max(0.0, left) * scale));
  return true;
}

float BackgroundNoise::next() {
  // A linear congruential generator, whose upper bits are random enough to hiss (Numerical Recipes, section 7.1).
  random_ = random_ * 1'664'525 + 1'013'904'223;
  float sample = amplitude_ * (static_cast<float>(random_ >> 8) / float{1 << 23} - 1);
  for (size_t tap = 0; tap < kOrder; ++tap) sample += filter_[tap] * past_[tap];
  std::copy_backward(past_.begin(), past_.end() - 1, past_.end());
  past_[0] = sample;
  return sample;
}

}  // namespace troupe
