#pragma once
// Puts encoded audio in order and gives each frame out when it is due; hides loss, lateness and restarts from the decoder.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "AudioDecoder.hpp"
#include "DelayEstimator.hpp"

namespace troupe {

struct JitterBufferOptions {
  /** How long a packet waits at least when packets come evenly. */
  int64_t minimumDelayUs = 20'000;
  /** Audio beyond this is skipped. */
  int64_t maximumDelayUs = 400'000;
};

/** One frame as it came: a packet's own, or a copy of an earlier one that a packet carried along (RFC 2198). */
struct EncodedFrame {
  enum class Origin : uint8_t { packet, copy, retransmission };
  Origin origin = Origin::packet;
  AudioCodec codec = AudioCodec::opus;
  uint32_t ssrc = 0;
  /** Of the packet that the frame was, or would have been, the payload of. */
  uint16_t sequenceNumber = 0;
  /** In units of the codec's RTP clock. */
  uint32_t timestamp = 0;
  /** Samples per channel at 48 kHz; 0 when unknown (then the spacing of timestamps tells). */
  uint32_t duration = 0;
  /** The packet before it can be had from it: a copy came along with it, or it has in-band FEC. */
  bool repairsPrevious = false;
  std::span<const uint8_t> payload;
};

/** Samples are per channel at 48 kHz. */
struct JitterBufferStats {
  uint64_t packetsInserted = 0;
  uint64_t packetsEmitted = 0;
  uint64_t samplesEmitted = 0;
  /** Seconds from arrival until heard, summed over samples: WebRTC's jitterBufferDelay. */
  double delaySecondsTimesSamples = 0;
  /** The same of the delay aimed at, and of the least one that the network's jitter alone would allow. */
  double targetSecondsTimesSamples = 0;
  double minimumSecondsTimesSamples = 0;
  /** Came after their turn. */
  uint64_t packetsLate = 0;
  uint64_t packetsDuplicated = 0;
  /** Dropped unplayed to get back to a shorter delay, or since the buffer was full. */
  uint64_t packetsSkipped = 0;
  /** Packets of no believable place, and oversized ones. */
  uint64_t packetsRejected = 0;
  /** Copies that came along with later packets (RFC 2198), and those of them that nobody needed. */
  uint64_t copiesReceived = 0;
  uint64_t copiesDiscarded = 0;
  /** Frames that were due and never came. */
  uint64_t framesLost = 0;
  uint64_t resets = 0;
};

/**
 * Not thread-safe. Time is any monotonic clock in microseconds, the same for insert and pop. Allocates only in
 * the constructor.
 *
 * The delay is the time from when the fastest packet of late would have brought a sample until that sample is heard.
 * What it should be follows the jitter that DelayEstimator measures; how far off it is, excessUs() says, and whoever
 * decodes stretches time accordingly. A frame that is not there when due is concealed without moving on, since late
 * cannot be told from lost: if it comes after all it is played (the delay has grown); if a follower is there it is
 * made good from that, or concealed, and the stream moves on.
 *
 * Restarts (a new SSRC, numbers or timestamps that jump, another codec's clock) go on where the stream was before, so
 * that what waits is played and nothing is cut.
 */
class JitterBuffer {
 public:
  enum class Inserted : uint8_t { accepted, duplicate, late, rejected, restarted };
  enum class Kind : uint8_t { nothing, packet, missing };

  struct Output {
    Kind kind = Kind::nothing;
    AudioCodec codec = AudioCodec::opus;
    uint16_t sequenceNumber = 0;
    /** What the decoder should make, in samples per channel at 48 kHz. */
    uint32_t duration = 0;
    int64_t arrivalUs = 0;
    /**
     * The packet's payload; for `missing` the payload of the packet that follows directly if that can repair it
     * (decode it with in-band FEC), else empty. Valid until the next insert or pop.
     */
    std::span<const uint8_t> payload;
    /** For `missing` with a payload: how much the whole frame was that is repaired; `duration` is its end. */
    uint32_t wholeDuration = 0;
  };

  static constexpr size_t kSlots = 64;
  static constexpr size_t kMaximumPayloadBytes = 1'280;
  static constexpr int64_t kDefaultFrameUs = 20'000;
  /** What Opus has; other durations are clamped to these. */
  static constexpr int64_t kMinimumFrameUs = 2'500;
  static constexpr int64_t kMaximumFrameUs = 120'000;
  /** A stream starts up to this much early, so that 10 ms ticks cost no delay on average. */
  static constexpr int64_t kDueToleranceUs = 5'000;
  /** Concealed at a time while nothing is known of what comes next. */
  static constexpr int64_t kConcealStepUs = 10'000;
  /** Two losses within this time are worth a longer delay if that repairs them. */
  static constexpr int64_t kLossMemoryUs = 10'000'000;
  /** On top of how late packets come. */
  static constexpr int64_t kJitterMarginUs = 5'000;
  /**
   * On top of what a repair takes: playout may run 8 ms ahead of the delay aimed at, its tolerance, and a frame is looked
   * for up to a tick before it is heard.
   */
  static constexpr int64_t kRepairMarginUs = 18'000;
  /**
   * So many losses within the loss memory that their followers cannot repair are worth waiting for retransmission: fewer
   * are heard less than the longer delay is, and every change of it.
   */
  static constexpr size_t kUnrepairedLosses = 20;
  /** Once waited for, retransmission is waited for this long: going back and forth is heard most. */
  static constexpr int64_t kRetransmissionHoldUs = 30'000'000;
  /** A longer delay than this is not taken for the sake of retransmission. */
  static constexpr int64_t kMaximumRetransmissionDelayUs = 100'000;

  explicit JitterBuffer(const JitterBufferOptions& options);

  Inserted insert(const EncodedFrame& frame, int64_t arrivalUs);

  /**
   * What is to be decoded next, for a decoder that has run short. `heldUs` is the PCM that it still has in hand. Call
   * again until there is enough or it gives `nothing`.
   */
  Output pop(int64_t nowUs, int64_t heldUs);
  /** The next packet if it follows what was given out without a gap, whether it is due or not. */
  Output popEarly(int64_t nowUs, int64_t heldUs);
  /** The decoder has fallen silent: the next packet starts anew. */
  void stall();

  /** How much longer (above 0) or shorter the delay is than it should be. 0 before anything is played. */
  int64_t excessUs(int64_t nowUs, int64_t heldUs) const;
  /** What the delay should be now. */
  int64_t targetDelayUs() const;
  /** How late packets come compared with the fastest. */
  int64_t spreadUs() const { return estimator_.spreadUs(); }
  /** When a packet that follows the newest one by `packets` (below 0: comes before it) is to be heard. */
  int64_t dueUs(int packets) const;

  void setDelays(int64_t minimumDelayUs, int64_t maximumDelayUs);
  /** The time from a request for a packet until it comes; below 0 when none can be asked for. */
  void setRetransmissionUs(int64_t us) { retransmissionUs_ = us; }
  /** Forgets all packets, the place in the stream and what was learnt about its delay; the figures stay. */
  void reset();

  size_t packets() const { return count_; }
  /** What the packets that wait hold. */
  int64_t bufferedUs() const { return toUs(bufferedSamples_); }
  /** True between the first frame given out and a stall. */
  bool isPlaying() const { return playing_; }
  /** True while time passes and nothing is there to be played. */
  bool isDry() const { return aheadSamples_ > 0; }
  const JitterBufferStats& stats() const { return stats_; }

 private:
  struct Slot {
    /** Unwrapped; stays when the packet is played, so that a duplicate is known as one. */
    int64_t sequence = -1;
    /** Of its first sample, in samples at 48 kHz from an origin of our own. */
    int64_t place = 0;
    int64_t arrivalUs = 0;
    uint32_t duration = 0;
    uint16_t size = 0;
    AudioCodec codec = AudioCodec::opus;
    bool isCopy = false;
    bool repairsPrevious = false;
    bool filled = false;
  };
  /** The newest packet: others are placed by their distance from it. */
  struct Newest {
    uint32_t ssrc = 0;
    uint16_t sequenceNumber = 0;
    uint32_t timestamp = 0;
    uint32_t clockRate = 0;
    int64_t sequence = 0;
    int64_t place = 0;
    uint32_t duration = 0;
    int64_t arrivalUs = 0;
  };

  void begin(const EncodedFrame& frame, int64_t arrivalUs);
  /** Goes on behind the newest packet with one that has no relation to it. */
  void resume(const EncodedFrame& frame, int64_t sequence, int64_t arrivalUs);
  bool isTimestampJump(const EncodedFrame& frame, int64_t steps, int64_t arrivalUs) const;
  bool isBefore(int64_t place) const;
  int64_t placeOf(const EncodedFrame& frame, int64_t sequence) const;
  Inserted put(const EncodedFrame& frame, int64_t sequence, int64_t arrivalUs);
  Inserted refuse(const EncodedFrame& frame, Inserted reason);
  void fill(const EncodedFrame& frame, int64_t sequence, int64_t arrivalUs);
  uint32_t durationOf(const EncodedFrame& frame, int64_t sequence, int64_t place) const;
  void makeRoomFor(int64_t sequence);
  void keepWithinMaximum();
  void dropFront();

  bool isDue(const Slot& slot, int64_t nowUs, int64_t heldUs) const;
  Output bridge(Slot& following, int64_t nowUs, int64_t heldUs);
  void passLost(const Slot& following, int64_t samples);
  Output conceal(int64_t samples);
  Output play(Slot& slot, int64_t nowUs, int64_t heldUs);
  void noteLosses(const Slot& following, int64_t nowUs);
  void noteRetransmission(int64_t sequence, int64_t arrivalUs);
  void noteLoss(bool isRepairable, int64_t atUs);
  int64_t repairDelayUs() const;

  Slot& slotAt(int64_t sequence) { return slots_[static_cast<size_t>(sequence) % kSlots]; }
  const Slot& slotAt(int64_t sequence) const { return slots_[static_cast<size_t>(sequence) % kSlots]; }
  bool isFilled(int64_t sequence) const { return slotAt(sequence).filled && slotAt(sequence).sequence == sequence; }
  /** The oldest packet not played; null when there is none. */
  Slot* front();
  void release(Slot& slot);
  static constexpr int64_t toUs(int64_t samples) { return samples * 1'000'000 / kMaximumRateHz; }
  static constexpr int64_t toSamples(int64_t us) { return us * kMaximumRateHz / 1'000'000; }

  JitterBufferOptions options_;
  std::array<Slot, kSlots> slots_;
  std::vector<uint8_t> payloads_;
  DelayEstimator estimator_;
  JitterBufferStats stats_;

  bool hasStream_ = false;
  Newest newest_;
  /** The sequence number that would confirm a restart; -1 for none. */
  int32_t restartCandidate_ = -1;
  size_t count_ = 0;
  int64_t bufferedSamples_ = 0;

  bool playing_ = false;
  /** Something of this stream was given out. */
  bool begun_ = false;
  /** What is given out next. */
  int64_t nextSequence_ = 0;
  int64_t nextPlace_ = 0;
  uint32_t lastDuration_;
  /** Concealed since the last packet without moving on in the stream, since nothing was there. */
  int64_t aheadSamples_ = 0;

  /** When the two last losses were known, and the last one that the packet after it could repair. */
  int64_t lastLossUs_;
  int64_t lossBeforeUs_;
  int64_t repairableLossUs_;
  int64_t lastLossSequence_ = -1;
  /** When the latest losses were known that nothing but retransmission repairs; a ring. */
  std::array<int64_t, kUnrepairedLosses> unrepairedUs_{};
  size_t unrepairedNext_ = 0;
  /** When these were last too many. */
  int64_t manyUnrepairedUs_;
  int64_t retransmissionUs_ = -1;
  int64_t newestArrivalUs_ = 0;
};

}  // namespace troupe
