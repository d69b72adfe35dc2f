#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

namespace troupe {

/**
 * A bounded ring of interleaved PCM with marks in it. One thread writes and clears, another reads; both hold the lock
 * only while they copy.
 */
class PcmRing {
 public:
  static constexpr size_t kMaximumMarks = 1024;

  PcmRing(size_t capacitySamplesPerChannel, int channels);

  /** Copies in what has room; gives the samples per channel taken. */
  size_t write(std::span<const int16_t> pcm);

  /**
   * Copies out up to `out.size()` samples and pads the rest with silence; gives the samples per channel that are real.
   * Marks that were reached are appended to `reached`.
   */
  size_t read(std::span<int16_t> out, std::vector<uint32_t>& reached);

  /** Drops all that is queued; gives the samples per channel dropped. Marks that were in it go to `cleared`. */
  size_t clear(std::vector<uint32_t>& cleared);

  /** Puts a mark behind what is queued; false when there are too many. */
  bool mark(uint32_t id);

  size_t queuedSamplesPerChannel() const;

 private:
  struct Mark {
    uint64_t position;
    uint32_t id;
  };

  void copyOut(int16_t* out, size_t count);

  const size_t channels_;
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::vector<int16_t> samples_;
  /** Positions count samples of all channels since the ring was made; the place in the ring is the remainder. */
  uint64_t written_ = 0;
  uint64_t read_ = 0;
  std::deque<Mark> marks_;
};

}  // namespace troupe
