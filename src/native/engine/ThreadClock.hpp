#pragma once

#include <cstdint>
#include <thread>

namespace troupe {

/** Monotonic time, the one of g_get_monotonic_time(): CLOCK_MONOTONIC on Linux, the time awake on macOS. */
int64_t monotonicUs();

/** Until that monotonic time, however often a signal comes. */
void sleepUntilUs(int64_t timeUs);

/** Processor time of the calling thread. */
double threadCpuMs();
/** Processor time of a thread that runs; 0 for one that does not. */
double threadCpuMs(std::thread& thread);

}  // namespace troupe
