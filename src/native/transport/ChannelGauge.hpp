#pragma once

#include <atomic>
#include <cstddef>

namespace troupe::transport {

/** What the sender of a data channel needs to know at once: shared between its thread and the I/O thread. */
class ChannelGauge {
 public:
  /** What waits at most per channel; a message is always taken when nothing waits. */
  static constexpr size_t kSendBufferBytes = 1024 * 1024;

  /** Counts `size` in; false when the buffer is full. */
  bool reserve(size_t size) {
    const size_t before = buffered_.fetch_add(size);
    if (before == 0 || before + size <= kSendBufferBytes) return true;
    buffered_.fetch_sub(size);
    return false;
  }

  /** Counts `size` out; true when that crossed the low threshold. */
  bool release(size_t size) {
    const size_t before = buffered_.fetch_sub(size);
    const size_t threshold = lowThreshold_;
    return before > threshold && before - size <= threshold;
  }

  size_t buffered() const { return buffered_; }

  /** Bounded to half the buffer, so that a full one always comes to fall below it. */
  void setLowThreshold(size_t bytes) { lowThreshold_ = bytes < kSendBufferBytes / 2 ? bytes : kSendBufferBytes / 2; }

  /** The largest message that the far side takes; 0 while that is not known. */
  size_t maximumMessageBytes() const { return maximumMessageBytes_; }
  void setMaximumMessageBytes(size_t bytes) { maximumMessageBytes_ = bytes; }

 private:
  std::atomic<size_t> buffered_{0};
  std::atomic<size_t> lowThreshold_{0};
  std::atomic<size_t> maximumMessageBytes_{0};
};

}  // namespace troupe::transport
