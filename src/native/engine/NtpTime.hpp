#pragma once
// NTP timestamps as RTCP writes them: 32.32 fixed-point seconds since 1900 (RFC 3550 section 4).

#include <cstdint>

namespace troupe {

inline constexpr uint64_t kNtpUnixOffsetSeconds = 2208988800ULL;

/** `unixUs` may come from any clock as long as both ends of a calculation use the same. */
inline uint64_t ntpFromUnixUs(int64_t unixUs) {
  const uint64_t seconds = static_cast<uint64_t>(unixUs / 1'000'000) + kNtpUnixOffsetSeconds;
  const uint64_t micros = static_cast<uint64_t>(unixUs % 1'000'000);
  return (seconds << 32) | ((micros << 32) / 1'000'000);
}

inline int64_t unixUsFromNtp(uint64_t ntp) {
  const int64_t seconds = static_cast<int64_t>(ntp >> 32) - static_cast<int64_t>(kNtpUnixOffsetSeconds);
  return seconds * 1'000'000 + static_cast<int64_t>(((ntp & 0xffffffffULL) * 1'000'000 + 0x80000000ULL) >> 32);
}

/** The middle 32 bits, in units of 1/65536 s. */
inline uint32_t compactNtp(uint64_t ntp) {
  return static_cast<uint32_t>(ntp >> 16);
}

inline int64_t usFromCompactNtp(uint32_t compact) {
  return (int64_t{compact} * 1'000'000 + 0x8000) >> 16;
}

inline uint32_t compactNtpFromUs(int64_t us) {
  return static_cast<uint32_t>((us << 16) / 1'000'000);
}

}  // namespace troupe
