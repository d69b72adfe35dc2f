#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>

#include "JitterBuffer.hpp"
#include "StreamDecoder.hpp"

namespace troupe {

/** The figures of an AudioPlayout at one moment. */
struct PlayoutStats {
  JitterBufferStats buffer;
  DecodingStats decoding;
};

/**
 * From encoded frames as the network brings them to an even stream of ticks: jitter buffer, decoder, and the stretching
 * of time that brings the delay to where the jitter wants it. Frames are put in on any thread, ticks made on one; the
 * lock is never held while decoding.
 */
class AudioPlayout {
 public:
  /**
   * How far the delay may be off before time is stretched: more than half the longest period, or it would be stretched
   * back and forth. Jitter makes it wider, since it blurs what is measured.
   */
  static constexpr int64_t kToleranceUs = 8'000;
  /** From this excess on time is stretched at every tick and less fussily. */
  static constexpr int64_t kHasteUs = 60'000;
  /** Otherwise only once in this many ticks: one stretch in the same syllable is enough. */
  static constexpr int kTicksBetweenStretches = 3;

  AudioPlayout(PcmFormat format, const JitterBufferOptions& options);

  // Any thread.
  JitterBuffer::Inserted insert(const EncodedFrame& frame, int64_t arrivalUs);
  /** Its sender says that nothing follows: what waits is played, and then it stalls at once unless more comes after all. */
  void end();
  void setDelays(int64_t minimumDelayUs, int64_t maximumDelayUs);
  /** As JitterBuffer::setRetransmissionUs. */
  void setRetransmissionUs(int64_t us);
  /** As JitterBuffer::dueUs. */
  int64_t dueUs(int packets) const;
  PlayoutStats stats() const;

  // From the thread that makes ticks.
  void setFormat(PcmFormat format);
  /** Nobody listens for a while: what waits and the decoder are dropped, the figures stay. */
  void pause();
  const PcmFormat& format() const { return decoder_->format(); }
  /** The tick's frame; false when there is nothing to hear. */
  bool produce(int64_t nowUs, PcmFrame& frame);
  /** False from when concealment gave up until the next packet. */
  bool isFlowing() const { return decoder_->isFlowing(); }

 private:
  void fill(int64_t nowUs);
  void stretch(int64_t nowUs);
  bool decodeEarly(int64_t nowUs);
  void decode(const JitterBuffer::Output& due);
  /** Copies what `due` points at, which the other thread may overwrite once the lock is gone. */
  JitterBuffer::Output kept(JitterBuffer::Output due);

  mutable std::mutex mutex_;
  JitterBuffer buffer_;
  bool isEnded_ = false;
  /** A copy of the decoder's. */
  DecodingStats decoding_;

  // Of the thread that makes ticks.
  std::unique_ptr<StreamDecoder> decoder_;
  std::array<uint8_t, JitterBuffer::kMaximumPayloadBytes> payload_;
  int ticksSinceStretch_ = 0;
};

}  // namespace troupe
