#pragma once
// The seam for what changes encoded frames on their way: encryption, or whatever a user's code does with them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "RtpPacket.hpp"

namespace troupe {

/** What a stream knows of an encoded frame, besides its bytes. */
struct FrameInfo {
  uint32_t ssrc = 0;
  /** In units of the codec's RTP clock. */
  uint32_t timestamp = 0;
  uint8_t payloadType = 0;
  /** Process-monotonic: when it was encoded, when its packet came, or when it was given back. */
  int64_t timeUs = 0;
  /** Of a received frame: its packet's, and how it came. */
  uint16_t sequenceNumber = 0;
  bool isCopy = false;
  bool isRetransmitted = false;
  bool repairsPrevious = false;
  /** Of a frame to be sent: the tick that its first sample belongs to, and when that was due. */
  int64_t startTick = 0;
  int64_t startUs = 0;
  bool beginsTalkspurt = false;
  RtpAudioLevel level;
};

/** A stream that takes a frame which its transform held back. Any thread. */
class FrameOutlet {
 public:
  virtual ~FrameOutlet() = default;
  /** False when it comes too late to be of use. */
  virtual bool resume(const FrameInfo& info, std::span<const uint8_t> frame) = 0;
};

/** What became of the frames of one stream. */
struct FrameTransformCounts {
  uint64_t frames = 0;
  uint64_t passed = 0;
  /** Never came out: could not be transformed, were not given back, or had made room for others. */
  uint64_t dropped = 0;
  /** Were given back too late. */
  uint64_t late = 0;
  /** Are held back now. */
  uint64_t waiting = 0;
};

/**
 * Changes the encoded frames of one stream. A sender's frames pass it after the encoder and before redundancy and
 * packets, on a codec thread; a receiver's pass it as they arrive, after redundancy is split and before the jitter
 * buffer (which looks into the codec's own header), on the I/O thread. Never on the clock thread; it must not block.
 */
class FrameTransform {
 public:
  /** What `transform` adds to a frame at most. */
  static constexpr size_t kMaximumGrowthBytes = 64;
  /** Of a frame that goes in; those of others may be longer than ours. */
  static constexpr size_t kMaximumFrameBytes = 1200;

  virtual ~FrameTransform() = default;

  /**
   * What goes on in place of `frame`: `frame` itself, or something written into `out`. Empty: it is dropped, or held
   * back and given to the outlet later.
   */
  virtual std::span<const uint8_t> transform(const FrameInfo& info, std::span<const uint8_t> frame,
                                             std::span<uint8_t> out) = 0;

  /** Whether it holds frames back, and itself counts those that never go on. */
  virtual bool holds() const { return false; }

  /** The stream that it is put on; before the first frame, and expired when it is taken off. */
  virtual void setOutlet(std::weak_ptr<FrameOutlet>) {}

  /** Any thread. */
  virtual FrameTransformCounts counts(int64_t nowUs) const = 0;
};

/** Room for what a transform writes. */
using TransformedFrame = std::array<uint8_t, FrameTransform::kMaximumFrameBytes + FrameTransform::kMaximumGrowthBytes>;

}  // namespace troupe
