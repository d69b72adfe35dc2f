#include "PitchFinder.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {

namespace {

/** Coarse steps are made at this rate: enough to tell periods apart, and a fraction of the work. */
constexpr int kCoarseRateHz = 4'000;
/** What is alike is compared over this long at least, or short periods would match by chance. */
constexpr int64_t kComparedUs = 5'000;

size_t samplesIn(const PcmFormat& format, int64_t us) { return static_cast<size_t>(us * format.rateHz / 1'000'000); }

}  // namespace

PitchFinder::PitchFinder(PcmFormat format)
    : channels_(static_cast<size_t>(format.channels)),
      decimation_(static_cast<size_t>(std::max(1, format.rateHz / kCoarseRateHz))),
      shortest_(samplesIn(format, kShortestPeriodUs)),
      longest_(samplesIn(format, kLongestPeriodUs)) {
  whole_.reserve(2 * longest_);
  coarse_.reserve(2 * longest_ / decimation_ + 1);
}

PitchFinder::Match PitchFinder::find(std::span<const int16_t> pcm) {
  const size_t count = std::min(pcm.size() / channels_, 2 * longest_);
  if (count < 2 * shortest_) return {};
  pcm = pcm.last(count * channels_);
  whole_.clear();
  Match best;
  for (size_t at = 0; at < count; ++at) {
    whole_.push_back(static_cast<float>(mixedAt(pcm, at)));
    best.power += whole_.back() * whole_.back();
  }
  best.power /= static_cast<double>(count);
  coarse_.clear();
  for (size_t at = 0; at + decimation_ <= count; at += decimation_) {
    float sum = 0;
    for (size_t part = 0; part < decimation_; ++part) sum += whole_[at + part];
    coarse_.push_back(sum);
  }
  const size_t compared = static_cast<size_t>(kComparedUs * kCoarseRateHz / 1'000'000);
  const size_t shortest = std::max<size_t>(1, shortest_ / decimation_);
  size_t coarsePeriod = 0;
  double coarseLikeness = -1;
  for (size_t lag = shortest; lag <= std::min(longest_ / decimation_, coarse_.size() / 2); ++lag) {
    const size_t length = std::min(std::max(lag, compared), coarse_.size() - lag);
    const double found = likeness(coarse_, coarse_.size(), length, lag);
    // A multiple of the period is as alike as the period itself: the shorter one is better unless clearly worse.
    if (found > coarseLikeness + 0.02) {
      coarseLikeness = found;
      coarsePeriod = lag;
    }
  }
  if (coarsePeriod == 0) return {};
  const size_t middle = coarsePeriod * decimation_;
  const size_t lowest = std::max(shortest_, middle - std::min(middle, decimation_));
  const size_t highest = std::min({longest_, middle + decimation_, count / 2});
  best.likeness = -1;
  for (size_t lag = lowest; lag <= highest; ++lag) {
    const size_t length = std::min(std::max(lag, compared * decimation_), count - lag);
    const double found = likeness(whole_, count, length, lag);
    if (found <= best.likeness) continue;
    best.likeness = found;
    best.period = lag;
  }
  if (best.period == 0) return {};
  return best;
}

double PitchFinder::mixedAt(std::span<const int16_t> pcm, size_t sample) const {
  double sum = 0;
  for (size_t channel = 0; channel < channels_; ++channel) sum += pcm[sample * channels_ + channel];
  return sum / static_cast<double>(channels_);
}

double PitchFinder::likeness(std::span<const float> samples, size_t end, size_t length, size_t lag) const {
  const float* newer = samples.data() + (end - length);
  const float* older = newer - lag;
  double product = 0, newerEnergy = 0, olderEnergy = 0;
  for (size_t at = 0; at < length; ++at) {
    product += newer[at] * older[at];
    newerEnergy += newer[at] * newer[at];
    olderEnergy += older[at] * older[at];
  }
  const double energy = std::sqrt(newerEnergy * olderEnergy);
  return energy < 1 ? 1 : product / energy;
}

}  // namespace troupe
