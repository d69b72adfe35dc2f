#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "Audio.hpp"

namespace troupe {

/**
 * A bounded ring of interleaved PCM with marks in it, and with times before which what follows is not to be read. One
 * thread writes and clears, another reads; both hold the lock only while they copy.
 */
class PcmRing {
 public:
  static constexpr size_t kMaximumMarks = 1024;
  static constexpr size_t kMaximumCues = 1024;

  PcmRing(size_t capacitySamplesPerChannel, PcmFormat format);

  /**
   * Copies in what has room; gives the samples per channel taken.
   *
   * @param dueUs when the first of them is to be read at the earliest; nothing: right after what is queued
   */
  size_t write(std::span<const int16_t> pcm, std::optional<int64_t> dueUs = std::nullopt);

  /**
   * Copies out up to `out.size()` samples and pads what is not there or not due with silence; gives the samples per
   * channel that are real. Marks that were reached are appended to `reached`. `nowUs` is when the first sample of
   * `out` is due.
   */
  size_t read(std::span<int16_t> out, int64_t nowUs, std::vector<uint32_t>& reached);

  /**
   * Drops all that is queued; gives the samples per channel dropped. Marks that were in it go to `cleared`. What was
   * being read fades out over the first `fadeSamplesPerChannel` of what is dropped: a cut would be heard as a click.
   */
  size_t clear(std::vector<uint32_t>& cleared, size_t fadeSamplesPerChannel);

  /** Puts a mark behind what is queued; false when there are too many. */
  bool mark(uint32_t id);

  /** Without what fades out. */
  size_t queuedSamplesPerChannel() const;

 private:
  struct Mark {
    uint64_t position;
    uint32_t id;
  };

  /** From when on the samples at a position may be read. */
  struct Cue {
    uint64_t position;
    int64_t dueUs;
  };

  void copyOut(int16_t* out, size_t count);
  /** How many samples of silence come before what is next, up to `room`; lets go of a cue that is met. */
  size_t silenceBefore(int64_t nowUs, size_t room);
  /** Scales the next `count` samples down to nothing. */
  void fadeOut(size_t count);

  const PcmFormat format_;
  const size_t channels_;
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::vector<int16_t> samples_;
  /** Positions count samples of all channels since the ring was made; the place in the ring is the remainder. */
  uint64_t written_ = 0;
  uint64_t read_ = 0;
  std::deque<Mark> marks_;
  std::deque<Cue> cues_;
  /** Up to here it is but the end of what was cleared. */
  uint64_t fadeEnd_ = 0;
  /** The last read had something real. */
  bool flowing_ = false;
};

}  // namespace troupe
