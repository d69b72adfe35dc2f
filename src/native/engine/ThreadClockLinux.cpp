#include <pthread.h>
#include <time.h>

#include <cerrno>

#include "ThreadClock.hpp"

namespace troupe {

namespace {

double cpuMsOf(clockid_t clock) {
  timespec used{};
  if (clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
}

}  // namespace

int64_t monotonicUs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

void sleepUntilUs(int64_t timeUs) {
  const timespec until{timeUs / 1'000'000, timeUs % 1'000'000 * 1000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

double threadCpuMs() { return cpuMsOf(CLOCK_THREAD_CPUTIME_ID); }

double threadCpuMs(std::thread& thread) {
  clockid_t clock{};
  return thread.joinable() && pthread_getcpuclockid(thread.native_handle(), &clock) == 0 ? cpuMsOf(clock) : 0;
}

}  // namespace troupe
