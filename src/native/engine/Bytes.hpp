#pragma once
// Reading and writing numbers in network byte order. The caller has checked the bounds.

#include <cstddef>
#include <cstdint>

namespace troupe {

inline uint16_t readU16(const uint8_t* at) {
  return static_cast<uint16_t>((at[0] << 8) | at[1]);
}

inline uint32_t readU24(const uint8_t* at) {
  return (uint32_t{at[0]} << 16) | (uint32_t{at[1]} << 8) | uint32_t{at[2]};
}

inline uint32_t readU32(const uint8_t* at) {
  return (uint32_t{at[0]} << 24) | readU24(at + 1);
}

inline void writeU16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

inline void writeU24(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 16);
  at[1] = static_cast<uint8_t>(value >> 8);
  at[2] = static_cast<uint8_t>(value);
}

inline void writeU32(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 24);
  writeU24(at + 1, value);
}

}  // namespace troupe
