#include "TimeStretcher.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace troupe {

namespace {

const double kQuietPower = std::pow(10, TimeStretcher::kQuietDbov / 10) * 32'768 * 32'768;

/** `out` goes from the first of `from` to the last of `to`, interleaved. */
void blend(const int16_t* from, const int16_t* to, size_t samples, size_t channels, int16_t* out) {
  for (size_t at = 0; at < samples; ++at) {
    const auto share = static_cast<int64_t>(at);
    const auto whole = static_cast<int64_t>(samples);
    for (size_t place = at * channels; place < (at + 1) * channels; ++place)
      out[place] = static_cast<int16_t>((from[place] * (whole - share) + to[place] * share) / whole);
  }
}

}  // namespace

TimeStretcher::TimeStretcher(PcmFormat format) : channels_(static_cast<size_t>(format.channels)), pitch_(format) {
  blended_.reserve(pitch_.longestPeriod() * channels_);
}

size_t TimeStretcher::shorten(std::vector<int16_t>& pcm, size_t from, bool inHaste) {
  const size_t end = std::min(pcm.size() / channels_, from + wanted());
  const size_t period = periodAt(pcm, from, end, inHaste ? kLeastLikenessInHaste : kLeastLikeness);
  if (period == 0) return 0;
  int16_t* first = pcm.data() + (end - 2 * period) * channels_;
  const int16_t* second = first + period * channels_;
  blend(first, second, period, channels_, first);
  const auto gone = pcm.begin() + static_cast<ptrdiff_t>((end - period) * channels_);
  pcm.erase(gone, gone + static_cast<ptrdiff_t>(period * channels_));
  return period;
}

size_t TimeStretcher::lengthen(std::vector<int16_t>& pcm, size_t from) {
  const size_t end = pcm.size() / channels_;
  if (end <= from) return 0;
  const size_t begin = end - std::min(end, wanted());
  const size_t period = periodAt(pcm, begin, end, kLeastLikeness);
  // What was played already cannot be made longer.
  if (period == 0 || end - period < from) return 0;
  blended_.resize(period * channels_);
  const int16_t* second = pcm.data() + (end - period) * channels_;
  blend(second, second - period * channels_, period, channels_, blended_.data());
  pcm.insert(pcm.begin() + static_cast<ptrdiff_t>((end - period) * channels_), blended_.begin(), blended_.end());
  return period;
}

size_t TimeStretcher::periodAt(const std::vector<int16_t>& pcm, size_t begin, size_t end, double leastLikeness) {
  if (end <= begin) return 0;
  const auto found = pitch_.find(std::span(pcm).subspan(begin * channels_, (end - begin) * channels_));
  if (found.period == 0) return 0;
  return found.likeness >= leastLikeness || found.power < kQuietPower ? found.period : 0;
}

}  // namespace troupe
