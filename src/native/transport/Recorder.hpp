#pragma once
// Test equipment.

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

namespace troupe::transport {

/** Says that something never comes; a busy machine takes its time, so it measures nothing. */
constexpr std::chrono::seconds kHangLimit(120);

/** Something that notes what happens on other threads; what it noted is read under its lock, in waitFor or look. */
class Recorder {
 public:
  /** Fails the test when `condition` never comes true. */
  void waitFor(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, kHangLimit, condition));
  }

  /** Reads what was seen, outside waitFor. */
  void look(const std::function<void()>& read) {
    std::lock_guard lock(mutex_);
    read();
  }

 protected:
  void record(const std::function<void()>& change) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace troupe::transport
