#include "DelayEstimator.hpp"

#include <algorithm>

namespace troupe {

namespace {
constexpr int64_t kUnknownUs = INT64_MAX;
}  // namespace

void DelayEstimator::onPacket(int64_t mediaUs, int64_t arrivalUs) {
  const int64_t transitUs = arrivalUs - mediaUs;
  const int64_t beforeUs = hasFastest() ? fastestUs_ : transitUs;
  updateFastest(transitUs, arrivalUs);
  if (fastestUs_ - beforeUs >= kPathChangeUs) moveSpread(fastestUs_ - beforeUs);
  updateSpread(transitUs - fastestUs_);
}

void DelayEstimator::updateFastest(int64_t transitUs, int64_t arrivalUs) {
  const int64_t part = std::max<int64_t>(arrivalUs / kPartUs, newestPart_);
  const int64_t parts = static_cast<int64_t>(kParts);
  if (newestPart_ < 0 || part - newestPart_ >= parts) {
    leastUs_.fill(kUnknownUs);
  } else {
    for (int64_t passed = newestPart_ + 1; passed <= part; ++passed) leastUs_[passed % parts] = kUnknownUs;
  }
  newestPart_ = part;
  int64_t& least = leastUs_[part % parts];
  least = std::min(least, transitUs);
  fastestUs_ = *std::min_element(leastUs_.begin(), leastUs_.end());
}

void DelayEstimator::updateSpread(int64_t lateUs) {
  packets_ += 1;
  // At first every packet weighs the same, or the first one would be believed for long.
  const double kept = std::min(kForgetting, 1.0 - 1.0 / static_cast<double>(packets_));
  for (float& weight : histogram_) weight *= static_cast<float>(kept);
  const auto bucket = static_cast<size_t>(std::clamp<int64_t>(lateUs / kBucketUs, 0, kBuckets - 1));
  histogram_[bucket] += static_cast<float>(1 - kept);
  measureSpread();
}

void DelayEstimator::moveSpread(int64_t us) {
  const auto by = std::min(kBuckets - 1, static_cast<size_t>(us / kBucketUs));
  for (size_t bucket = 1; bucket <= by; ++bucket) histogram_[0] += histogram_[bucket];
  std::move(histogram_.begin() + static_cast<ptrdiff_t>(by) + 1, histogram_.end(), histogram_.begin() + 1);
  std::fill(histogram_.end() - static_cast<ptrdiff_t>(by), histogram_.end(), 0.0F);
}

void DelayEstimator::measureSpread() {
  double beyond = 0;
  size_t reached = kBuckets;
  while (reached > 1 && beyond + histogram_[reached - 1] <= 1 - kQuantile) beyond += histogram_[--reached];
  // The lowest bucket is no jitter to speak of.
  spreadUs_ = reached == 1 ? 0 : static_cast<int64_t>(reached) * kBucketUs;
}

void DelayEstimator::restart() { newestPart_ = -1; }

void DelayEstimator::reset() {
  restart();
  histogram_.fill(0);
  packets_ = 0;
  spreadUs_ = 0;
}

}  // namespace troupe
