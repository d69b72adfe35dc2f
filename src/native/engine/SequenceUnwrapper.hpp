#pragma once
// Gives sequence numbers and timestamps that wrap a 64-bit place that does not.

#include <cstdint>
#include <optional>
#include <type_traits>

namespace troupe {

/** The nearest place to the last one; the first number is its own place plus one full turn, so none is negative soon. */
template <typename Number>
class Unwrapper {
 public:
  int64_t unwrap(Number number) {
    last_ = peek(number);
    return *last_;
  }

  /** As unwrap, without remembering. */
  int64_t peek(Number number) const {
    if (!last_) return kTurn + number;
    using Signed = std::make_signed_t<Number>;
    return *last_ + static_cast<Signed>(static_cast<Number>(number - static_cast<Number>(*last_)));
  }

  bool hasLast() const { return last_.has_value(); }
  void reset() { last_.reset(); }

 private:
  static constexpr int64_t kTurn = int64_t{1} << (8 * sizeof(Number));
  std::optional<int64_t> last_;
};

using SequenceUnwrapper = Unwrapper<uint16_t>;
using TimestampUnwrapper = Unwrapper<uint32_t>;

/** True when `left` comes after `right` on the circle of 16-bit numbers. */
inline bool isNewer(uint16_t left, uint16_t right) {
  return left != right && static_cast<uint16_t>(left - right) < 0x8000;
}

}  // namespace troupe
