#include <mach/mach.h>
#include <mach/mach_time.h>
#include <pthread.h>
#include <time.h>

#include "ThreadClock.hpp"

namespace troupe {

namespace {

/** How many nanoseconds a unit of mach_absolute_time() is. */
mach_timebase_info_data_t timebase() {
  static const mach_timebase_info_data_t base = [] {
    mach_timebase_info_data_t found{};
    mach_timebase_info(&found);
    return found;
  }();
  return base;
}

double cpuMsOf(thread_act_t thread) {
  thread_basic_info_data_t info{};
  mach_msg_type_number_t count = THREAD_BASIC_INFO_COUNT;
  if (thread_info(thread, THREAD_BASIC_INFO, reinterpret_cast<thread_info_t>(&info), &count) != KERN_SUCCESS) return 0;
  const auto milliseconds = [](const time_value_t& time) { return time.seconds * 1e3 + time.microseconds / 1e3; };
  return milliseconds(info.user_time) + milliseconds(info.system_time);
}

}  // namespace

int64_t monotonicUs() { return static_cast<int64_t>(clock_gettime_nsec_np(CLOCK_UPTIME_RAW) / 1000); }

void sleepUntilUs(int64_t timeUs) {
  const auto [numerator, denominator] = timebase();
  const auto nanoseconds = static_cast<__uint128_t>(timeUs) * 1000;
  const auto deadline = static_cast<uint64_t>(nanoseconds * denominator / numerator);
  while (mach_wait_until(deadline) == KERN_ABORTED) {
  }
}

double threadCpuMs() { return cpuMsOf(pthread_mach_thread_np(pthread_self())); }

double threadCpuMs(std::thread& thread) {
  return thread.joinable() ? cpuMsOf(pthread_mach_thread_np(thread.native_handle())) : 0;
}

}  // namespace troupe
