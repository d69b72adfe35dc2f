#include "LatenessMeter.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace troupe {

void LatenessMeter::add(int64_t lateUs) {
  const int64_t bounded = std::clamp<int64_t>(lateUs, 0, std::numeric_limits<int32_t>::max());
  std::lock_guard lock(mutex_);
  lateUs_[count_ % kKept] = static_cast<int32_t>(bounded);
  ++count_;
  maximumUs_ = std::max(maximumUs_, bounded);
}

LatenessMeter::Summary LatenessMeter::summary() const {
  std::vector<int32_t> sorted;
  Summary summary;
  {
    std::lock_guard lock(mutex_);
    sorted.assign(lateUs_.begin(), lateUs_.begin() + static_cast<ptrdiff_t>(std::min(count_, kKept)));
    summary.maximumMs = static_cast<double>(maximumUs_) / 1000;
  }
  if (sorted.empty()) return summary;
  std::sort(sorted.begin(), sorted.end());
  summary.p50Ms = sorted[sorted.size() / 2] / 1000.0;
  summary.p99Ms = sorted[sorted.size() * 99 / 100] / 1000.0;
  return summary;
}

}  // namespace troupe
