#pragma once
// Puts audio packets in order and gives each out when it is due; hides loss, lateness and restarts from the decoder.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "RtpPacket.hpp"

namespace troupe {

struct JitterBufferOptions {
  /** Hz of the RTP clock. */
  uint32_t clockRate = 48'000;
  /** How long a packet waits at least when packets come evenly. */
  int64_t minimumDelayUs = 20'000;
  /** Audio beyond this is skipped. */
  int64_t maximumDelayUs = 400'000;
};

struct JitterBufferStats {
  uint64_t packetsInserted = 0;
  uint64_t packetsEmitted = 0;
  /** In units of the RTP clock per channel. */
  uint64_t samplesEmitted = 0;
  /** Seconds from arrival to emission, summed over samples: WebRTC's jitterBufferDelay. */
  double delaySecondsTimesSamples = 0;
  /** Came after their turn. */
  uint64_t packetsLate = 0;
  uint64_t packetsDuplicated = 0;
  /** Dropped unplayed to get back to a shorter delay, or since the buffer was full. */
  uint64_t packetsSkipped = 0;
  /** Packets of no believable place, and oversized ones. */
  uint64_t packetsRejected = 0;
  uint64_t framesMissing = 0;
  /** Of framesMissing, those that made the delay longer. */
  uint64_t framesStretched = 0;
  uint64_t resets = 0;
};

/**
 * Not thread-safe. Time is any monotonic clock in microseconds, the same for insert and pop. Allocates only in
 * the constructor.
 *
 * Use: insert() as packets come; at every tick call pop() until it gives `nothing`, and decode or conceal what it
 * gives. A packet that is not there when due is concealed without moving on, since late cannot be told from lost:
 * if it comes after all it is played (the delay has grown), if its follower comes instead it was lost.
 */
class JitterBuffer {
 public:
  enum class Inserted : uint8_t { accepted, duplicate, late, rejected, restarted };
  enum class Kind : uint8_t { nothing, packet, missing };

  struct Output {
    Kind kind = Kind::nothing;
    uint8_t payloadType = 0;
    bool marker = false;
    uint16_t sequenceNumber = 0;
    /** RTP timestamp of the first sample of the packet, or of the frame that is missing. */
    uint32_t timestamp = 0;
    /** What the decoder should make, in units of the RTP clock; for a packet what its sender said or its spacing. */
    uint32_t duration = 0;
    int64_t arrivalUs = 0;
    /**
     * The packet's payload; for `missing` the payload of the packet that follows directly if it is there (decode
     * it with in-band FEC), else empty. Valid until the next insert or pop.
     */
    std::span<const uint8_t> payload;
  };

  static constexpr size_t kSlots = 64;
  static constexpr size_t kMaximumPayloadBytes = 1'280;
  static constexpr int64_t kDefaultFrameUs = 20'000;
  /** What Opus has; other durations are clamped to these. */
  static constexpr int64_t kMinimumFrameUs = 2'500;
  static constexpr int64_t kMaximumFrameUs = 120'000;
  /** A frame is given out up to this much early, so that 10 ms ticks cost no delay on average. */
  static constexpr int64_t kDueToleranceUs = 5'000;
  /** Concealment in one piece; what is longer is left silent. */
  static constexpr int64_t kMaximumConcealUs = 100'000;
  /** The first wait before a delay that is longer than needed is shortened; doubled when that was wrong. */
  static constexpr int64_t kShrinkHoldUs = 2'000'000;
  static constexpr int64_t kMaximumShrinkHoldUs = 32'000'000;

  explicit JitterBuffer(const JitterBufferOptions& options);

  /** `duration` in units of the RTP clock; 0 when unknown (then the spacing of timestamps tells). */
  Inserted insert(const RtpPacket& packet, int64_t arrivalUs, uint32_t duration = 0);
  /** What is due at `nowUs`. Call again until it gives `nothing`. */
  Output pop(int64_t nowUs);
  /** The next packet in order whether it is due or not; `nothing` when there is none. */
  Output peek() const;

  /** Whether what plays is quiet: then a delay that is too long is shortened at once and unheard. */
  void setQuiet(bool quiet) { quiet_ = quiet; }
  /** Makes the delay longer by a frame: the follower of a lost packet would then be there to repair it from. */
  void stretch() { stretchWanted_ = playing_; }
  void setDelays(int64_t minimumDelayUs, int64_t maximumDelayUs);
  void setClockRate(uint32_t clockRate);
  /** Forgets all packets, the place in the stream and what was learnt about its delay; the figures stay. */
  void reset();

  size_t packets() const { return count_; }
  /** From the next sample to play to the end of the newest packet. */
  int64_t bufferedUs() const;
  /** True between the first packet and running dry. */
  bool isPlaying() const { return playing_; }
  /** What the packet that came last was to wait, from its arrival until it is due. */
  int64_t currentDelayUs() const { return currentDelayUs_; }
  const JitterBufferStats& stats() const { return stats_; }

 private:
  struct Slot {
    /** Unwrapped; stays when the packet is played, so that a duplicate is known as one. */
    int64_t sequence = -1;
    int64_t timestamp = 0;
    int64_t arrivalUs = 0;
    uint32_t duration = 0;
    uint16_t size = 0;
    uint8_t payloadType = 0;
    bool marker = false;
    bool filled = false;
  };
  struct SlackWindow {
    int64_t beganUs = 0;
    int64_t leastUs = INT64_MAX;
    int64_t mostUs = INT64_MIN;
  };

  Inserted place(const RtpPacket& packet, int64_t sequence, int64_t timestamp, int64_t arrivalUs, uint32_t duration);
  uint32_t durationOf(int64_t sequence, int64_t timestamp, uint32_t given) const;
  Inserted tooLate(int64_t timestamp, int64_t arrivalUs);
  /** Fixes when the first packet, or the first after running dry, is played. */
  void anchor(const Slot& slot);
  void anchorEarlier(const Slot& slot);
  void measureSlack(const Slot& slot);
  void restartWindow(int64_t nowUs) { window_ = {nowUs}; }
  void makeRoomFor(int64_t sequence);
  void keepWithinMaximum();
  bool shouldShrink(int64_t nowUs) const;
  void shrink(int64_t nowUs);
  void grow(int64_t byUs, int64_t nowUs);

  /** Moves to `slot`, waiting out a pause in the stream before it. */
  void advanceTo(const Slot& slot, int64_t nowUs);
  Output conceal(uint32_t duration, int64_t timestamp);
  Output concealBefore(const Slot& following, int64_t nowUs);
  Output runDry();
  Output play(Slot& slot, int64_t nowUs);
  /** Drops the oldest packet and goes on with the next that is there. */
  void dropFront();
  void skip(Slot& slot);
  void release(Slot& slot);

  Slot& slotAt(int64_t sequence) { return slots_[static_cast<size_t>(sequence) % kSlots]; }
  const Slot& slotAt(int64_t sequence) const { return slots_[static_cast<size_t>(sequence) % kSlots]; }
  bool isFilled(int64_t sequence) const { return slotAt(sequence).filled && slotAt(sequence).sequence == sequence; }
  /** The oldest packet not played; null when there is none. */
  Slot* front();
  const Slot* front() const { return const_cast<JitterBuffer*>(this)->front(); }
  std::span<const uint8_t> payloadOf(const Slot& slot) const;
  Output describe(const Slot& slot) const;
  int64_t toUs(int64_t ticks) const { return ticks * 1'000'000 / options_.clockRate; }
  int64_t toTicks(int64_t us) const { return us * options_.clockRate / 1'000'000; }
  int64_t dueUs(int64_t timestamp) const { return nextDueUs_ + toUs(timestamp - nextTimestamp_); }

  JitterBufferOptions options_;
  std::array<Slot, kSlots> slots_;
  std::vector<uint8_t> payloads_;
  JitterBufferStats stats_;

  bool hasStream_ = false;
  uint32_t ssrc_ = 0;
  int64_t newestSequence_ = 0;
  int64_t newestTimestamp_ = 0;
  /** The sequence number that would confirm a restart; -1 for none. */
  int32_t restartCandidate_ = -1;
  size_t count_ = 0;
  int64_t bufferedTicks_ = 0;
  uint32_t lastDuration_;

  bool playing_ = false;
  /** Nothing was given out since the anchor. */
  bool fresh_ = false;
  bool quiet_ = false;
  /** All below are in this place of the stream: what is played next, and when. */
  int64_t nextSequence_ = 0;
  int64_t nextTimestamp_ = 0;
  int64_t nextDueUs_ = 0;
  /** Concealed since the last packet without moving on in the stream, since nothing was there. */
  int64_t aheadTicks_ = 0;
  /** Concealed in one piece so far. */
  int64_t concealedTicks_ = 0;

  int64_t targetDelayUs_;
  int64_t currentDelayUs_ = 0;
  SlackWindow window_;
  int64_t shrinkHoldUs_ = kShrinkHoldUs;
  int64_t lastShrinkUs_ = INT64_MIN / 2;
  int64_t lastLateUs_ = INT64_MIN / 2;
  bool stretchWanted_ = false;
};

}  // namespace troupe
