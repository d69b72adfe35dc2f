#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace troupe {

/** How late the clock's last ticks began. */
class LatenessMeter {
 public:
  struct Summary {
    double p50Ms = 0;
    double p99Ms = 0;
    double maximumMs = 0;
  };

  void add(int64_t lateUs);
  Summary summary() const;

 private:
  /** About 40 s of ticks. */
  static constexpr size_t kKept = 4096;

  mutable std::mutex mutex_;
  std::array<int32_t, kKept> lateUs_{};
  size_t count_ = 0;
  int64_t maximumUs_ = 0;
};

}  // namespace troupe
