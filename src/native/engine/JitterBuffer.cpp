#include "JitterBuffer.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace troupe {

namespace {
/** Unwrapped numbers begin in the second turn, so that what came before the first packet is not negative. */
constexpr int64_t kFirstSequence = 65'536;
constexpr int64_t kFirstPlace = int64_t{1} << 32;
/** A sequence number further away is a restart if the next packet agrees, else rubbish. */
constexpr int64_t kMaximumSequenceJump = 1'000;
/** A gap that is longer than this is not filled up but skipped. */
constexpr int64_t kMaximumGapUs = 2'000'000;
/** A packet that is older than this is not of this stream. */
constexpr int64_t kMaximumBackUs = 30'000'000;
constexpr int64_t kLongAgo = std::numeric_limits<int64_t>::min() / 2;

int64_t stepBetween(uint16_t from, uint16_t to) { return static_cast<int16_t>(static_cast<uint16_t>(to - from)); }
}  // namespace

JitterBuffer::JitterBuffer(const JitterBufferOptions& options)
    : options_(options),
      payloads_(kSlots * kMaximumPayloadBytes),
      lastDuration_(static_cast<uint32_t>(toSamples(kDefaultFrameUs))),
      lastLossUs_(kLongAgo),
      lossBeforeUs_(kLongAgo),
      repairableLossUs_(kLongAgo),
      manyUnrepairedUs_(kLongAgo) {
  unrepairedUs_.fill(kLongAgo);
  setDelays(options.minimumDelayUs, options.maximumDelayUs);
}

void JitterBuffer::setDelays(int64_t minimumDelayUs, int64_t maximumDelayUs) {
  options_.minimumDelayUs = minimumDelayUs;
  options_.maximumDelayUs = std::max(minimumDelayUs, maximumDelayUs);
}

void JitterBuffer::reset() {
  slots_.fill({});
  count_ = 0;
  bufferedSamples_ = 0;
  hasStream_ = false;
  restartCandidate_ = -1;
  lastDuration_ = static_cast<uint32_t>(toSamples(kDefaultFrameUs));
  estimator_.reset();
  lastLossUs_ = lossBeforeUs_ = repairableLossUs_ = manyUnrepairedUs_ = kLongAgo;
  lastLossSequence_ = -1;
  unrepairedUs_.fill(kLongAgo);
  stall();
}

void JitterBuffer::stall() {
  playing_ = false;
  aheadSamples_ = 0;
}

// Putting in.

JitterBuffer::Inserted JitterBuffer::insert(const EncodedFrame& frame, int64_t arrivalUs) {
  const bool isCopy = frame.origin == EncodedFrame::Origin::copy;
  if (isCopy) stats_.copiesReceived += 1;
  if (frame.payload.empty() || frame.payload.size() > kMaximumPayloadBytes) return refuse(frame, Inserted::rejected);
  if (!hasStream_) {
    if (isCopy) return refuse(frame, Inserted::rejected);
    begin(frame, arrivalUs);
    return put(frame, newest_.sequence, arrivalUs);
  }
  const int64_t steps = stepBetween(newest_.sequenceNumber, frame.sequenceNumber);
  const bool isOther = frame.ssrc != newest_.ssrc;
  const bool isFar = steps > kMaximumSequenceJump || steps < -kMaximumSequenceJump;
  if (isCopy && (isOther || isFar || steps > 0)) return refuse(frame, Inserted::rejected);
  if (!isOther && isFar && restartCandidate_ != frame.sequenceNumber) {
    restartCandidate_ = static_cast<uint16_t>(frame.sequenceNumber + 1);
    return refuse(frame, Inserted::rejected);
  }
  restartCandidate_ = -1;
  if (isOther || isFar) {
    stats_.resets += 1;
    resume(frame, newest_.sequence + 1, arrivalUs);
    const Inserted inserted = put(frame, newest_.sequence, arrivalUs);
    return inserted == Inserted::accepted ? Inserted::restarted : inserted;
  }
  const int64_t sequence = newest_.sequence + steps;
  // An earlier packet of a later time, or of long ago, would be waited for in vain, and take all others for late.
  if (steps < 0 && !isBefore(placeOf(frame, sequence))) return refuse(frame, Inserted::rejected);
  // Late packets tell of jitter too, and those most of all; what was asked for again tells of the round trip.
  const Slot& present = slotAt(sequence);
  const bool isMeasured = frame.origin == EncodedFrame::Origin::packet && (present.sequence != sequence || present.isCopy);
  if (steps > 0 && isTimestampJump(frame, steps, arrivalUs)) {
    resume(frame, sequence, arrivalUs);
  } else if (steps > 0) {
    const int64_t place = placeOf(frame, sequence);
    newest_ = {frame.ssrc, frame.sequenceNumber, frame.timestamp, rtpClockRateOf(frame.codec),
               sequence,   place,                durationOf(frame, sequence, place), arrivalUs};
    if (isMeasured) estimator_.onPacket(toUs(place), arrivalUs);
  } else if (isMeasured) {
    estimator_.onPacket(toUs(placeOf(frame, sequence)), arrivalUs);
  }
  return put(frame, sequence, arrivalUs);
}

void JitterBuffer::begin(const EncodedFrame& frame, int64_t arrivalUs) {
  hasStream_ = true;
  begun_ = false;
  newest_ = {};
  newest_.sequence = kFirstSequence - 1;
  newest_.place = kFirstPlace;
  nextSequence_ = kFirstSequence;
  nextPlace_ = kFirstPlace;
  resume(frame, kFirstSequence, arrivalUs);
}

void JitterBuffer::resume(const EncodedFrame& frame, int64_t sequence, int64_t arrivalUs) {
  const int64_t lost = sequence - newest_.sequence - 1;
  const int64_t place = newest_.place + newest_.duration + lost * lastDuration_;
  newest_ = {frame.ssrc, frame.sequenceNumber, frame.timestamp, rtpClockRateOf(frame.codec),
             sequence,   place,                durationOf(frame, sequence, place), arrivalUs};
  estimator_.restart();
  estimator_.onPacket(toUs(place), arrivalUs);
}

bool JitterBuffer::isTimestampJump(const EncodedFrame& frame, int64_t steps, int64_t arrivalUs) const {
  if (rtpClockRateOf(frame.codec) != newest_.clockRate) return true;
  const int64_t movedUs = static_cast<int64_t>(static_cast<int32_t>(frame.timestamp - newest_.timestamp)) * 1'000'000 /
                          newest_.clockRate;
  if (movedUs <= 0) return true;
  // Waiting for a pause to pass is right only if it has passed at the sender.
  const int64_t expectedUs = std::max(arrivalUs - newest_.arrivalUs, steps * toUs(newest_.duration));
  return movedUs - expectedUs > options_.maximumDelayUs;
}

bool JitterBuffer::isBefore(int64_t place) const {
  return place < newest_.place && toUs(newest_.place - place) <= kMaximumBackUs;
}

int64_t JitterBuffer::placeOf(const EncodedFrame& frame, int64_t sequence) const {
  const uint32_t clockRate = rtpClockRateOf(frame.codec);
  if (clockRate != newest_.clockRate) return newest_.place + (sequence - newest_.sequence) * lastDuration_;
  return newest_.place + static_cast<int64_t>(static_cast<int32_t>(frame.timestamp - newest_.timestamp)) *
                             (kMaximumRateHz / static_cast<int64_t>(clockRate));
}

JitterBuffer::Inserted JitterBuffer::refuse(const EncodedFrame& frame, Inserted reason) {
  if (frame.origin == EncodedFrame::Origin::copy) stats_.copiesDiscarded += 1;
  else if (reason == Inserted::duplicate) stats_.packetsDuplicated += 1;
  else if (reason == Inserted::late) stats_.packetsLate += 1;
  else stats_.packetsRejected += 1;
  return reason;
}

JitterBuffer::Inserted JitterBuffer::put(const EncodedFrame& frame, int64_t sequence, int64_t arrivalUs) {
  const bool isCopy = frame.origin == EncodedFrame::Origin::copy;
  if (Slot& held = slotAt(sequence); held.sequence == sequence) {
    if (isCopy || !held.isCopy) return refuse(frame, Inserted::duplicate);
    if (!held.filled) return refuse(frame, Inserted::late);
    // The packet itself has more in it than the copy, which may be of a lower rate.
    stats_.copiesDiscarded += 1;
    release(held);
  } else if (sequence < nextSequence_) {
    // Before anything is played, a packet that was overtaken by the first one still finds its place.
    if (begun_ || newest_.sequence - sequence >= static_cast<int64_t>(kSlots)) return refuse(frame, Inserted::late);
    nextSequence_ = sequence;
    nextPlace_ = placeOf(frame, sequence);
  }
  makeRoomFor(sequence);
  fill(frame, sequence, arrivalUs);
  if (frame.origin == EncodedFrame::Origin::retransmission) noteRetransmission(sequence, arrivalUs);
  keepWithinMaximum();
  return Inserted::accepted;
}

void JitterBuffer::fill(const EncodedFrame& frame, int64_t sequence, int64_t arrivalUs) {
  const bool isCopy = frame.origin == EncodedFrame::Origin::copy;
  const bool isNewest = sequence == newest_.sequence;
  const int64_t place = isNewest ? newest_.place : placeOf(frame, sequence);
  const uint32_t duration = isNewest ? newest_.duration : durationOf(frame, sequence, place);
  Slot& slot = slotAt(sequence);
  slot = {sequence,    place,  arrivalUs, duration, static_cast<uint16_t>(frame.payload.size()),
          frame.codec, isCopy, frame.repairsPrevious, true};
  std::memcpy(&payloads_[(static_cast<size_t>(sequence) % kSlots) * kMaximumPayloadBytes], frame.payload.data(),
              frame.payload.size());
  count_ += 1;
  bufferedSamples_ += slot.duration;
  if (!isCopy) stats_.packetsInserted += 1;
  newestArrivalUs_ = std::max(newestArrivalUs_, arrivalUs);
}

uint32_t JitterBuffer::durationOf(const EncodedFrame& frame, int64_t sequence, int64_t place) const {
  constexpr int64_t kMinimum = toSamples(kMinimumFrameUs);
  constexpr int64_t kMaximum = toSamples(kMaximumFrameUs);
  if (frame.duration > 0) return static_cast<uint32_t>(std::clamp<int64_t>(frame.duration, kMinimum, kMaximum));
  const int64_t spacing = place - newest_.place;
  if (sequence == newest_.sequence + 1 && spacing >= kMinimum && spacing <= kMaximum)
    return static_cast<uint32_t>(spacing);
  return lastDuration_;
}

void JitterBuffer::makeRoomFor(int64_t sequence) {
  const int64_t slots = static_cast<int64_t>(kSlots);
  while (sequence >= nextSequence_ + slots && count_ > 0) dropFront();
  if (sequence >= nextSequence_ + slots) nextSequence_ = sequence;
}

void JitterBuffer::keepWithinMaximum() {
  const int64_t most = toSamples(options_.maximumDelayUs);
  while (bufferedSamples_ > most && count_ > 1) dropFront();
}

void JitterBuffer::dropFront() {
  Slot& slot = *front();
  if (slot.isCopy) stats_.copiesDiscarded += 1;
  else stats_.packetsSkipped += 1;
  nextSequence_ = slot.sequence + 1;
  nextPlace_ = slot.place + slot.duration;
  aheadSamples_ = 0;
  release(slot);
  if (const Slot* following = front()) {
    nextSequence_ = following->sequence;
    nextPlace_ = following->place;
  }
}

// Giving out.

JitterBuffer::Output JitterBuffer::pop(int64_t nowUs, int64_t heldUs) {
  Slot* slot = front();
  if (!playing_) {
    if (slot == nullptr || !isDue(*slot, nowUs, heldUs)) return {};
    return play(*slot, nowUs, heldUs);
  }
  if (slot == nullptr) {
    const Output output = conceal(toSamples(kConcealStepUs));
    aheadSamples_ += output.duration;
    return output;
  }
  return bridge(*slot, nowUs, heldUs);
}

JitterBuffer::Output JitterBuffer::popEarly(int64_t nowUs, int64_t heldUs) {
  Slot* slot = front();
  if (!playing_ || slot == nullptr || slot->sequence != nextSequence_ || aheadSamples_ > 0) return {};
  if (slot->place > nextPlace_) return {};
  return play(*slot, nowUs, heldUs);
}

/** Goes from what was given out last to `following`, the oldest packet that is there. */
JitterBuffer::Output JitterBuffer::bridge(Slot& following, int64_t nowUs, int64_t heldUs) {
  int64_t gap = following.place - nextPlace_;
  if (gap <= 0 || toUs(gap) > kMaximumGapUs) return play(following, nowUs, heldUs);
  if (following.sequence == nextSequence_) {
    // Nothing is lost: its sender paused. The delay may be set right here unheard.
    if (isDue(following, nowUs, heldUs)) return play(following, nowUs, heldUs);
    const Output output = conceal(std::min(toSamples(kConcealStepUs), gap));
    aheadSamples_ += output.duration;
    return output;
  }
  noteLosses(following, nowUs);
  // What was concealed while nothing was there stood for the first of what is now known to be lost.
  const int64_t covered = std::min(aheadSamples_, gap);
  gap -= covered;
  aheadSamples_ = 0;
  passLost(following, covered);
  if (gap == 0) return play(following, nowUs, heldUs);
  const int64_t whole = following.duration;
  if (following.repairsPrevious && gap <= whole) {
    Output output = conceal(gap);
    passLost(following, gap);
    output.codec = following.codec;
    output.wholeDuration = static_cast<uint32_t>(whole);
    output.payload = {&payloads_[(static_cast<size_t>(following.sequence) % kSlots) * kMaximumPayloadBytes],
                      following.size};
    return output;
  }
  const int64_t unrepaired = following.repairsPrevious ? gap - whole : gap;
  const int64_t step = std::min<int64_t>({unrepaired, lastDuration_, toSamples(kDefaultFrameUs)});
  const Output output = conceal(step);
  passLost(following, step);
  return output;
}

/** Moves on by `samples` that were lost before `following`; of the packets lost, those behind that may still come. */
void JitterBuffer::passLost(const Slot& following, int64_t samples) {
  nextPlace_ += samples;
  const int64_t left = following.place - nextPlace_;
  const int64_t stillMissing = (left + lastDuration_ - 1) / lastDuration_;
  nextSequence_ = std::clamp(following.sequence - stillMissing, nextSequence_, following.sequence);
}

bool JitterBuffer::isDue(const Slot& slot, int64_t nowUs, int64_t heldUs) const {
  // A packet that was sent again is later than any that the delay was made for.
  const int64_t dueUs = estimator_.fastestTransitUs() + toUs(slot.place) + targetDelayUs();
  return nowUs + heldUs >= dueUs - kDueToleranceUs;
}

JitterBuffer::Output JitterBuffer::conceal(int64_t samples) {
  Output output;
  output.kind = Kind::missing;
  output.sequenceNumber = static_cast<uint16_t>(nextSequence_);
  output.duration = static_cast<uint32_t>(std::max<int64_t>(samples, toSamples(kMinimumFrameUs)));
  return output;
}

JitterBuffer::Output JitterBuffer::play(Slot& slot, int64_t nowUs, int64_t heldUs) {
  playing_ = true;
  begun_ = true;
  aheadSamples_ = 0;
  lastDuration_ = slot.duration;
  nextSequence_ = slot.sequence + 1;
  nextPlace_ = slot.place + slot.duration;
  stats_.packetsEmitted += 1;
  stats_.samplesEmitted += slot.duration;
  const double samples = slot.duration;
  stats_.delaySecondsTimesSamples += static_cast<double>(std::max<int64_t>(0, nowUs + heldUs - slot.arrivalUs)) / 1e6 * samples;
  stats_.targetSecondsTimesSamples += static_cast<double>(targetDelayUs()) / 1e6 * samples;
  stats_.minimumSecondsTimesSamples += static_cast<double>(spreadUs()) / 1e6 * samples;
  Output output;
  output.kind = Kind::packet;
  output.codec = slot.codec;
  output.sequenceNumber = static_cast<uint16_t>(slot.sequence);
  output.duration = slot.duration;
  output.arrivalUs = slot.arrivalUs;
  output.payload = {&payloads_[(static_cast<size_t>(slot.sequence) % kSlots) * kMaximumPayloadBytes], slot.size};
  release(slot);
  return output;
}

// The delay.

int64_t JitterBuffer::targetDelayUs() const {
  const int64_t wantedUs = std::max({options_.minimumDelayUs, spreadUs() + kJitterMarginUs, repairDelayUs()});
  return std::min(wantedUs, options_.maximumDelayUs);
}

int64_t JitterBuffer::excessUs(int64_t nowUs, int64_t heldUs) const {
  if (!playing_ || !estimator_.hasFastest()) return 0;
  return nowUs + heldUs - estimator_.fastestTransitUs() - toUs(nextPlace_) - targetDelayUs();
}

int64_t JitterBuffer::dueUs(int packets) const {
  if (!estimator_.hasFastest()) return kLongAgo;
  return estimator_.fastestTransitUs() + toUs(newest_.place + packets * static_cast<int64_t>(lastDuration_)) +
         targetDelayUs();
}

void JitterBuffer::noteLosses(const Slot& following, int64_t nowUs) {
  if (lastLossSequence_ == following.sequence) return;
  lastLossSequence_ = following.sequence;
  const int64_t lost = following.sequence - nextSequence_;
  stats_.framesLost += static_cast<uint64_t>(lost);
  for (int64_t left = lost; left > 0; --left) noteLoss(left == 1 && following.repairsPrevious, nowUs);
}

/** What came by retransmission in time is a loss too: forgotten, the delay that repairs it would go. */
void JitterBuffer::noteRetransmission(int64_t sequence, int64_t arrivalUs) {
  noteLoss(isFilled(sequence + 1) && slotAt(sequence + 1).repairsPrevious, arrivalUs);
}

void JitterBuffer::noteLoss(bool isRepairable, int64_t atUs) {
  lossBeforeUs_ = lastLossUs_;
  lastLossUs_ = atUs;
  if (isRepairable) {
    repairableLossUs_ = atUs;
    return;
  }
  unrepairedUs_[unrepairedNext_] = atUs;
  unrepairedNext_ = (unrepairedNext_ + 1) % kUnrepairedLosses;
  if (atUs - unrepairedUs_[unrepairedNext_] < kLossMemoryUs) manyUnrepairedUs_ = atUs;
}

int64_t JitterBuffer::repairDelayUs() const {
  const bool isLossy = newestArrivalUs_ - lastLossUs_ < kLossMemoryUs && lastLossUs_ - lossBeforeUs_ < kLossMemoryUs;
  if (!isLossy) return 0;
  // Until the packet after it is there.
  const int64_t knownUs = toUs(lastDuration_) + spreadUs() + kRepairMarginUs;
  const bool isRepairable = newestArrivalUs_ - repairableLossUs_ < kLossMemoryUs;
  const bool isLeftUnrepaired = newestArrivalUs_ - manyUnrepairedUs_ < kRetransmissionHoldUs;
  const int64_t retransmittedUs = knownUs + retransmissionUs_;
  const bool isInTime = retransmissionUs_ >= 0 && retransmittedUs <= kMaximumRetransmissionDelayUs;
  if (isInTime && (isLeftUnrepaired || !isRepairable)) return retransmittedUs;
  return isRepairable ? knownUs : 0;
}

JitterBuffer::Slot* JitterBuffer::front() {
  if (count_ == 0) return nullptr;
  for (int64_t sequence = nextSequence_; sequence <= newest_.sequence; ++sequence)
    if (isFilled(sequence)) return &slotAt(sequence);
  return nullptr;
}

void JitterBuffer::release(Slot& slot) {
  slot.filled = false;
  count_ -= 1;
  bufferedSamples_ -= slot.duration;
}

}  // namespace troupe
