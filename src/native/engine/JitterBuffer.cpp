#include "JitterBuffer.hpp"

#include <algorithm>
#include <cstring>

namespace troupe {

namespace {
/** Unwrapped numbers begin in the second turn, so that what came before the first packet is not negative. */
constexpr int64_t kSequenceTurn = 65'536;
constexpr int64_t kTimestampTurn = int64_t{1} << 32;
/** A sequence number further away is a restart if the next packet agrees, else rubbish. */
constexpr int64_t kMaximumSequenceJump = 1'000;
/** A longer pause between two packets in order is a jump of the sender's clock. */
constexpr int64_t kMaximumPauseUs = 2'000'000;
/** A caller that comes this late has lost time; what it missed is not made up for in a rush. */
constexpr int64_t kMaximumLagUs = 100'000;
/** Later than this is lost (or sent again), no matter how long the buffer. */
constexpr int64_t kMaximumUsefulLatenessUs = 100'000;
/** Two late packets within this time make the delay longer; one may be chance. */
constexpr int64_t kLatePairUs = 1'000'000;
/** What the least delayed packet must still have in hand after the delay was shortened. */
constexpr int64_t kShrinkMarginUs = 5'000;
/** A delay that is this many frames too long is shortened fast. */
constexpr int64_t kFastShrinkFrames = 3;
constexpr int64_t kFastShrinkHoldUs = 200'000;
}  // namespace

JitterBuffer::JitterBuffer(const JitterBufferOptions& options)
    : options_(options), payloads_(kSlots * kMaximumPayloadBytes), targetDelayUs_(options.minimumDelayUs) {
  options_.clockRate = std::max<uint32_t>(options_.clockRate, 1);
  options_.maximumDelayUs = std::max(options_.minimumDelayUs, options_.maximumDelayUs);
  lastDuration_ = std::max<uint32_t>(1, static_cast<uint32_t>(toTicks(kDefaultFrameUs)));
}

JitterBuffer::Inserted JitterBuffer::insert(const RtpPacket& packet, int64_t arrivalUs, uint32_t duration) {
  if (packet.payload().empty() || packet.payload().size() > kMaximumPayloadBytes) {
    stats_.packetsRejected += 1;
    return Inserted::rejected;
  }
  bool restarted = false;
  if (hasStream_ && packet.ssrc() != ssrc_) {
    reset();
    stats_.resets += 1;
    restarted = true;
  }
  if (hasStream_) {
    const int64_t jump = static_cast<int16_t>(
        static_cast<uint16_t>(packet.sequenceNumber() - static_cast<uint16_t>(newestSequence_)));
    if (jump > kMaximumSequenceJump || jump < -kMaximumSequenceJump) {
      if (restartCandidate_ != packet.sequenceNumber()) {
        restartCandidate_ = static_cast<uint16_t>(packet.sequenceNumber() + 1);
        stats_.packetsRejected += 1;
        return Inserted::rejected;
      }
      reset();
      stats_.resets += 1;
      restarted = true;
    }
  }
  restartCandidate_ = -1;
  if (!hasStream_) {
    hasStream_ = true;
    ssrc_ = packet.ssrc();
    newestSequence_ = kSequenceTurn + packet.sequenceNumber() - 1;
    newestTimestamp_ = kTimestampTurn + packet.timestamp();
    nextSequence_ = newestSequence_ + 1;
  }
  const int64_t sequence = newestSequence_ + static_cast<int16_t>(static_cast<uint16_t>(
                                                 packet.sequenceNumber() - static_cast<uint16_t>(newestSequence_)));
  const int64_t timestamp = newestTimestamp_ + static_cast<int32_t>(packet.timestamp() -
                                                                    static_cast<uint32_t>(newestTimestamp_));
  const Inserted inserted = place(packet, sequence, timestamp, arrivalUs, duration);
  return inserted == Inserted::accepted && restarted ? Inserted::restarted : inserted;
}

JitterBuffer::Inserted JitterBuffer::place(const RtpPacket& packet, int64_t sequence, int64_t timestamp,
                                           int64_t arrivalUs, uint32_t duration) {
  if (slotAt(sequence).sequence == sequence) {
    stats_.packetsDuplicated += 1;
    return Inserted::duplicate;
  }
  const bool isBeforeNext = sequence < nextSequence_;
  // Before anything is played, a packet that was overtaken by the first one still finds its place.
  const bool extendsFront = isBeforeNext && fresh_ && newestSequence_ - sequence < static_cast<int64_t>(kSlots) &&
                            timestamp < nextTimestamp_ && dueUs(timestamp) >= arrivalUs - kDueToleranceUs;
  if (isBeforeNext && !extendsFront) return tooLate(timestamp, arrivalUs);
  if (extendsFront) {
    nextDueUs_ = dueUs(timestamp);
    nextTimestamp_ = timestamp;
    nextSequence_ = sequence;
  }
  makeRoomFor(sequence);

  Slot& slot = slotAt(sequence);
  slot = {sequence,
          timestamp,
          arrivalUs,
          durationOf(sequence, timestamp, duration),
          static_cast<uint16_t>(packet.payload().size()),
          packet.payloadType(),
          packet.marker(),
          true};
  std::memcpy(&payloads_[(static_cast<size_t>(sequence) % kSlots) * kMaximumPayloadBytes], packet.payload().data(),
              packet.payload().size());
  count_ += 1;
  bufferedTicks_ += slot.duration;
  stats_.packetsInserted += 1;
  if (sequence > newestSequence_) {
    newestSequence_ = sequence;
    newestTimestamp_ = timestamp;
  }
  if (!playing_) {
    anchor(slot);
  } else if (fresh_) {
    anchorEarlier(slot);
  }
  measureSlack(slot);
  keepWithinMaximum();
  return Inserted::accepted;
}

uint32_t JitterBuffer::durationOf(int64_t sequence, int64_t timestamp, uint32_t given) const {
  const int64_t minimum = std::max<int64_t>(1, toTicks(kMinimumFrameUs));
  const int64_t maximum = std::max<int64_t>(1, toTicks(kMaximumFrameUs));
  if (given > 0) return static_cast<uint32_t>(std::clamp<int64_t>(given, minimum, maximum));
  const int64_t spacing = timestamp - newestTimestamp_;
  if (sequence == newestSequence_ + 1 && spacing >= minimum && spacing <= maximum) return static_cast<uint32_t>(spacing);
  return lastDuration_;
}

JitterBuffer::Inserted JitterBuffer::tooLate(int64_t timestamp, int64_t arrivalUs) {
  stats_.packetsLate += 1;
  const int64_t latenessUs = arrivalUs - dueUs(timestamp);
  if (playing_ && latenessUs > 0 && latenessUs <= kMaximumUsefulLatenessUs) {
    if (arrivalUs - lastLateUs_ < kLatePairUs) stretchWanted_ = true;
    lastLateUs_ = arrivalUs;
  }
  return Inserted::late;
}

void JitterBuffer::anchor(const Slot& slot) {
  playing_ = true;
  fresh_ = true;
  nextSequence_ = slot.sequence;
  nextTimestamp_ = slot.timestamp;
  nextDueUs_ = slot.arrivalUs + targetDelayUs_;
  aheadTicks_ = 0;
  concealedTicks_ = 0;
  stretchWanted_ = false;
  restartWindow(slot.arrivalUs);
}

void JitterBuffer::anchorEarlier(const Slot& slot) {
  // The first packet may have been the slow one. Nothing is due before it could be played.
  const int64_t aheadUs = toUs(slot.timestamp - nextTimestamp_);
  if (aheadUs < 0 || aheadUs > kMaximumPauseUs) return;
  nextDueUs_ = std::min(nextDueUs_, std::max(slot.arrivalUs, slot.arrivalUs + targetDelayUs_ - aheadUs));
}

void JitterBuffer::measureSlack(const Slot& slot) {
  const int64_t slackUs = dueUs(slot.timestamp) - slot.arrivalUs;
  if (slackUs > kMaximumPauseUs || slackUs < -kMaximumPauseUs) return;
  currentDelayUs_ = std::max<int64_t>(0, slackUs);
  window_.leastUs = std::min(window_.leastUs, slackUs);
  window_.mostUs = std::max(window_.mostUs, slackUs);
}

void JitterBuffer::makeRoomFor(int64_t sequence) {
  const int64_t slots = static_cast<int64_t>(kSlots);
  while (sequence >= nextSequence_ + slots && count_ > 0) dropFront();
  if (sequence >= nextSequence_ + slots) nextSequence_ = sequence;
}

void JitterBuffer::keepWithinMaximum() {
  const int64_t maximumTicks = toTicks(options_.maximumDelayUs);
  while (bufferedTicks_ > maximumTicks && count_ > 1) dropFront();
}

void JitterBuffer::dropFront() {
  skip(*front());
  if (const Slot* following = front()) {
    nextSequence_ = following->sequence;
    nextTimestamp_ = following->timestamp;
  }
}

void JitterBuffer::skip(Slot& slot) {
  stats_.packetsSkipped += 1;
  nextSequence_ = slot.sequence + 1;
  nextTimestamp_ = slot.timestamp + slot.duration;
  aheadTicks_ = 0;
  restartWindow(slot.arrivalUs);
  release(slot);
}

JitterBuffer::Output JitterBuffer::pop(int64_t nowUs) {
  if (!playing_) return {};
  if (nowUs - nextDueUs_ > kMaximumLagUs) nextDueUs_ = nowUs;
  const int64_t latestDueUs = nowUs + kDueToleranceUs;
  if (nextDueUs_ > latestDueUs) return {};
  if (shouldShrink(nowUs)) shrink(nowUs);

  if (stretchWanted_) {
    stretchWanted_ = false;
    if (targetDelayUs_ + toUs(lastDuration_) <= options_.maximumDelayUs) {
      const Output output = conceal(lastDuration_, nextTimestamp_);
      grow(toUs(lastDuration_), nowUs);
      return output;
    }
  }
  Slot* slot = front();
  if (slot == nullptr) return runDry();
  if (slot->sequence != nextSequence_) {
    const Output output = concealBefore(*slot, nowUs);
    if (output.kind != Kind::nothing) return output;
  }
  advanceTo(*slot, nowUs);
  if (nextDueUs_ > latestDueUs) return {};
  return play(*slot, nowUs);
}

/** Gives `nothing` when all that can be concealed before `following` has been. */
JitterBuffer::Output JitterBuffer::concealBefore(const Slot& following, int64_t nowUs) {
  int64_t gap = following.timestamp - nextTimestamp_;
  if (gap <= aheadTicks_ || toUs(gap) > kMaximumPauseUs) return {};
  // What was concealed while nothing was there stood for the first of what is now known to be lost.
  if (aheadTicks_ > 0) {
    nextTimestamp_ += aheadTicks_;
    gap -= aheadTicks_;
    aheadTicks_ = 0;
    restartWindow(nowUs);
  }
  const uint32_t duration = static_cast<uint32_t>(std::min<int64_t>(lastDuration_, gap));
  if (toUs(concealedTicks_ + duration) > kMaximumConcealUs) return {};

  Output output = conceal(duration, nextTimestamp_);
  output.sequenceNumber = static_cast<uint16_t>(nextSequence_);
  nextTimestamp_ += duration;
  if (gap == duration) {
    nextSequence_ = following.sequence;
    output.payload = payloadOf(following);
    output.payloadType = following.payloadType;
  } else if (nextSequence_ + 1 < following.sequence) {
    nextSequence_ += 1;
  }
  return output;
}

JitterBuffer::Output JitterBuffer::runDry() {
  if (toUs(concealedTicks_ + lastDuration_) > kMaximumConcealUs) {
    playing_ = false;
    fresh_ = false;
    return {};
  }
  const Output output = conceal(lastDuration_, nextTimestamp_ + aheadTicks_);
  aheadTicks_ += lastDuration_;
  return output;
}

JitterBuffer::Output JitterBuffer::conceal(uint32_t duration, int64_t timestamp) {
  fresh_ = false;
  concealedTicks_ += duration;
  nextDueUs_ += toUs(duration);
  stats_.framesMissing += 1;
  Output output;
  output.kind = Kind::missing;
  output.sequenceNumber = static_cast<uint16_t>(nextSequence_);
  output.timestamp = static_cast<uint32_t>(timestamp);
  output.duration = duration;
  return output;
}

void JitterBuffer::advanceTo(const Slot& slot, int64_t nowUs) {
  const int64_t gap = slot.timestamp - nextTimestamp_;
  const int64_t waitUs = toUs(gap - aheadTicks_);
  const bool isJump = gap < 0 || toUs(gap) > kMaximumPauseUs || waitUs > options_.maximumDelayUs;
  if (!isJump) {
    if (waitUs > 0) {
      nextDueUs_ += waitUs;
    } else if (waitUs < 0) {
      grow(-waitUs, nowUs);
    }
  }
  if (gap != 0 || aheadTicks_ != 0) restartWindow(nowUs);
  aheadTicks_ = 0;
  nextSequence_ = slot.sequence;
  nextTimestamp_ = slot.timestamp;
}

JitterBuffer::Output JitterBuffer::play(Slot& slot, int64_t nowUs) {
  fresh_ = false;
  concealedTicks_ = 0;
  lastDuration_ = slot.duration;
  nextSequence_ = slot.sequence + 1;
  nextTimestamp_ = slot.timestamp + slot.duration;
  nextDueUs_ += toUs(slot.duration);
  stats_.packetsEmitted += 1;
  stats_.samplesEmitted += slot.duration;
  stats_.delaySecondsTimesSamples += static_cast<double>(std::max<int64_t>(0, nowUs - slot.arrivalUs)) / 1e6 * slot.duration;
  const Output output = describe(slot);
  release(slot);
  return output;
}

bool JitterBuffer::shouldShrink(int64_t nowUs) const {
  const int64_t frameUs = toUs(lastDuration_);
  if (count_ < 2 || window_.leastUs == INT64_MAX || aheadTicks_ > 0 || stretchWanted_) return false;
  if (!isFilled(nextSequence_)) return false;
  if (window_.leastUs - frameUs < kShrinkMarginUs) return false;
  if (window_.mostUs - frameUs < options_.minimumDelayUs - kDueToleranceUs) return false;
  const int64_t measuredUs = nowUs - window_.beganUs;
  if (window_.leastUs - options_.minimumDelayUs > kFastShrinkFrames * frameUs) return measuredUs >= kFastShrinkHoldUs;
  return measuredUs >= (quiet_ ? shrinkHoldUs_ : 2 * shrinkHoldUs_);
}

void JitterBuffer::shrink(int64_t nowUs) {
  Slot& skipped = slotAt(nextSequence_);
  targetDelayUs_ = std::max(options_.minimumDelayUs, targetDelayUs_ - toUs(skipped.duration));
  skip(skipped);
  lastShrinkUs_ = nowUs;
  restartWindow(nowUs);
}

void JitterBuffer::grow(int64_t byUs, int64_t nowUs) {
  stats_.framesStretched += 1;
  targetDelayUs_ = std::min(options_.maximumDelayUs, targetDelayUs_ + byUs);
  // A delay that has to grow soon after it was shortened was not too long: wait longer the next time.
  const bool wasTooEager = nowUs - lastShrinkUs_ < 2 * shrinkHoldUs_;
  shrinkHoldUs_ = wasTooEager ? std::min(2 * shrinkHoldUs_, kMaximumShrinkHoldUs) : kShrinkHoldUs;
  restartWindow(nowUs);
}

void JitterBuffer::setDelays(int64_t minimumDelayUs, int64_t maximumDelayUs) {
  options_.minimumDelayUs = minimumDelayUs;
  options_.maximumDelayUs = std::max(minimumDelayUs, maximumDelayUs);
  targetDelayUs_ = std::clamp(targetDelayUs_, options_.minimumDelayUs, options_.maximumDelayUs);
}

void JitterBuffer::setClockRate(uint32_t clockRate) {
  if (clockRate == 0 || clockRate == options_.clockRate) return;
  options_.clockRate = clockRate;
  reset();
}

void JitterBuffer::reset() {
  slots_.fill({});
  count_ = 0;
  bufferedTicks_ = 0;
  hasStream_ = false;
  restartCandidate_ = -1;
  lastDuration_ = std::max<uint32_t>(1, static_cast<uint32_t>(toTicks(kDefaultFrameUs)));
  playing_ = false;
  fresh_ = false;
  aheadTicks_ = 0;
  concealedTicks_ = 0;
  stretchWanted_ = false;
  targetDelayUs_ = options_.minimumDelayUs;
  currentDelayUs_ = 0;
  shrinkHoldUs_ = kShrinkHoldUs;
}

JitterBuffer::Output JitterBuffer::peek() const {
  const Slot* slot = front();
  return slot == nullptr ? Output{} : describe(*slot);
}

int64_t JitterBuffer::bufferedUs() const { return toUs(bufferedTicks_); }

JitterBuffer::Slot* JitterBuffer::front() {
  if (count_ == 0) return nullptr;
  for (int64_t sequence = nextSequence_; sequence <= newestSequence_; ++sequence) {
    if (isFilled(sequence)) return &slotAt(sequence);
  }
  return nullptr;
}

void JitterBuffer::release(Slot& slot) {
  slot.filled = false;
  count_ -= 1;
  bufferedTicks_ -= slot.duration;
}

std::span<const uint8_t> JitterBuffer::payloadOf(const Slot& slot) const {
  return {&payloads_[(static_cast<size_t>(slot.sequence) % kSlots) * kMaximumPayloadBytes], slot.size};
}

JitterBuffer::Output JitterBuffer::describe(const Slot& slot) const {
  return {Kind::packet,
          slot.payloadType,
          slot.marker,
          static_cast<uint16_t>(slot.sequence),
          static_cast<uint32_t>(slot.timestamp),
          slot.duration,
          slot.arrivalUs,
          payloadOf(slot)};
}

}  // namespace troupe
