#pragma once
// What fuzz targets share: reading their input bit by bit, and a check that crashes with its line.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace troupe::test {

inline void require(bool condition, int line = __builtin_LINE()) {
  if (condition) return;
  std::fprintf(stderr, "the requirement in line %d does not hold\n", line);
  std::abort();
}

/** Small numbers and pieces of bytes; zeroes when it is used up. */
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : rest_(data, size) {}

  bool isEmpty() const { return rest_.empty(); }

  uint8_t byte() {
    const auto taken = bytes(1);
    return taken.empty() ? 0 : taken[0];
  }
  uint16_t number16() { return static_cast<uint16_t>(byte() << 8 | byte()); }
  uint32_t number32() { return uint32_t{number16()} << 16 | number16(); }

  /** At most `count`. */
  std::span<const uint8_t> bytes(size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const uint8_t> rest_;
};

}  // namespace troupe::test
