#pragma once

#include <cstdint>
#include <random>

namespace troupe {

/** For first sequence numbers, timestamps and report intervals (RFC 3550, section 5.1); from the system. */
inline uint32_t randomNumber() {
  thread_local std::random_device device;
  return device();
}

}  // namespace troupe
