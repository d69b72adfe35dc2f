// The part of ReceiverStream that tells others: requests to the sender, reports, statistics.
#include <algorithm>
#include <utility>

#include "ReceiverStream.hpp"

namespace troupe {

void ReceiverStream::onBye(uint32_t ssrc) {
  std::lock_guard lock(mutex_);
  if (playout_ && followed_ != nullptr && followed_->ssrc == ssrc) playout_->end();
}

bool ReceiverStream::onSenderReport(uint32_t ssrc, const SenderInfo& info, int64_t arrivalUs) {
  std::lock_guard lock(mutex_);
  for (const auto& held : incoming_)
    for (Incoming* stream : {held.get(), held->repairs.get()}) {
      if (stream == nullptr || stream->ssrc != ssrc) continue;
      stream->timing.onSenderReport(info, arrivalUs);
      return true;
    }
  return false;
}

size_t ReceiverStream::collectNacks(int64_t nowUs, std::span<uint16_t> requests, uint32_t& ssrc) {
  std::lock_guard lock(mutex_);
  if (const size_t count = takeWanted(requests, ssrc); count > 0) return count;
  if (!options_.nack) return 0;
  const auto playout = playoutTimes();
  // While the round trip is not known, every loss is worth a try: the answer tells.
  const bool isKnown = isRoundTripKnown(nowUs);
  if (playout_) playout_->setRetransmissionUs(isKnown ? roundTripUs_ + kRequestDelayUs : -1);
  for (const auto& held : incoming_) {
    const bool isPlayed = isKnown && playout && held.get() == followed_;
    const size_t count = held->nacks.collect(nowUs, roundTripUs_, requests, isPlayed ? playout : std::nullopt);
    if (count == 0) continue;
    ++nacksSent_;
    ssrc = held->ssrc;
    return count;
  }
  return 0;
}

std::optional<NackGenerator::Playout> ReceiverStream::playoutTimes() const {
  // A forwarder's far side has a delay of its own.
  if (!isPulled_ || !taps_->empty()) return std::nullopt;
  return NackGenerator::Playout{playout_->dueUs(0), frameUs_};
}

void ReceiverStream::want(uint32_t ssrc, uint16_t sequenceNumber) {
  std::lock_guard lock(mutex_);
  if (wantedSsrc_ != ssrc) wantedCount_ = 0;
  wantedSsrc_ = ssrc;
  const auto end = wanted_.begin() + static_cast<ptrdiff_t>(wantedCount_);
  if (wantedCount_ == wanted_.size() || std::find(wanted_.begin(), end, sequenceNumber) != end) return;
  wanted_[wantedCount_++] = sequenceNumber;
}

size_t ReceiverStream::takeWanted(std::span<uint16_t> requests, uint32_t& ssrc) {
  const size_t count = std::min(std::exchange(wantedCount_, 0), requests.size());
  if (count == 0) return 0;
  ++nacksSent_;
  ssrc = wantedSsrc_;
  std::copy_n(wanted_.begin(), count, requests.begin());
  // As NACK's bit masks want them.
  std::sort(requests.begin(), requests.begin() + static_cast<ptrdiff_t>(count),
            [](uint16_t left, uint16_t right) { return isNewer(right, left); });
  return count;
}

void ReceiverStream::wantKeyFrame(std::optional<uint32_t> ssrc) {
  std::lock_guard lock(mutex_);
  if (incoming_.empty()) {
    firstKeyFrameWanted_ = true;
    return;
  }
  const auto newest = std::max_element(incoming_.begin(), incoming_.end(), [](const auto& a, const auto& b) {
    return a->statistics.lastArrivalUs() < b->statistics.lastArrivalUs();
  });
  Incoming* wanted = ssrc ? find(*ssrc) : newest->get();
  if (wanted != nullptr) wanted->keyFrameWanted = true;
}

std::optional<uint32_t> ReceiverStream::takeKeyFrameRequest(int64_t nowUs) {
  // Asked at every tick.
  if (kind_ != MediaKind::video) return std::nullopt;
  std::lock_guard lock(mutex_);
  for (const auto& held : incoming_) {
    if (!held->keyFrameWanted || nowUs - held->keyFrameAskedUs < kKeyFrameIntervalUs) continue;
    held->keyFrameWanted = false;
    held->keyFrameAskedUs = nowUs;
    ++held->keyFramesAsked;
    return held->ssrc;
  }
  return std::nullopt;
}

int ReceiverStream::takeLoudest() {
  std::lock_guard lock(mutex_);
  return std::exchange(loudest_, kSilentDbov);
}

void ReceiverStream::appendReportBlocks(std::vector<ReportBlock>& blocks, int64_t nowUs) {
  std::lock_guard lock(mutex_);
  for (const auto& held : incoming_)
    for (Incoming* stream : {held.get(), held->repairs.get()})
      if (stream != nullptr && stream->statistics.hasPackets())
        blocks.push_back(stream->statistics.takeReportBlock(stream->ssrc, stream->timing, nowUs));
}

void ReceiverStream::setRoundTrip(int64_t roundTripUs, int64_t nowUs) {
  std::lock_guard lock(mutex_);
  roundTripUs_ = roundTripUs;
  roundTripKnownUs_ = nowUs;
}

void ReceiverStream::learnRoundTrip(int64_t roundTripUs, int64_t nowUs) {
  roundTripUs_ = isRoundTripKnown(nowUs) ? roundTripUs_ + (roundTripUs - roundTripUs_) / 8 : roundTripUs;
  roundTripKnownUs_ = nowUs;
}

int64_t ReceiverStream::takeLongestGapUs() {
  std::lock_guard lock(mutex_);
  return followed_ == nullptr ? 0 : followed_->statistics.takeLongestGapUs();
}

void ReceiverStream::appendStats(std::vector<InboundStats>& out) const {
  std::lock_guard lock(mutex_);
  for (const auto& held : incoming_) {
    InboundStats stats;
    stats.receiver = handle();
    stats.ssrc = held->ssrc;
    stats.kind = kind_;
    stats.mid = options_.mid;
    stats.rid = held->rid;
    stats.pliCount = held->keyFramesAsked;
    stats.payloadType = held->payloadType;
    stats.packetsReceived = held->statistics.packetsReceived();
    stats.bytesReceived = held->statistics.bytesReceived();
    stats.headerBytesReceived = held->statistics.headerBytesReceived();
    stats.packetsLost = held->statistics.packetsLost();
    stats.packetsDuplicated = held->statistics.packetsDuplicated();
    stats.jitter = held->statistics.jitterSeconds();
    stats.lastPacketUs = held->statistics.lastArrivalUs();
    stats.retransmittedPacketsReceived = held->retransmittedPackets;
    stats.retransmittedBytesReceived = held->retransmittedBytes;
    if (held->repairs) appendRepairs(*held->repairs, stats);
    // The decoder hears one stream at a time, which carries its figures.
    if (held.get() == followed_) appendPlayout(stats);
    out.push_back(std::move(stats));
  }
}

void ReceiverStream::appendRepairs(const Incoming& repairs, InboundStats& stats) {
  stats.packetsReceived += repairs.statistics.packetsReceived();
  stats.bytesReceived += repairs.statistics.bytesReceived();
  stats.headerBytesReceived += repairs.statistics.headerBytesReceived();
}

void ReceiverStream::appendPlayout(InboundStats& stats) const {
  stats.nackCount = nacksSent_;
  if (!playout_) return;
  const auto [buffer, decoding] = playout_->stats();
  stats.packetsDiscarded = buffer.packetsLate + buffer.packetsSkipped;
  stats.jitterBufferDelay = buffer.delaySecondsTimesSamples;
  stats.jitterBufferTargetDelay = buffer.targetSecondsTimesSamples;
  stats.jitterBufferMinimumDelay = buffer.minimumSecondsTimesSamples;
  stats.jitterBufferEmittedCount = buffer.samplesEmitted;
  stats.totalSamplesReceived = decoding.samples;
  stats.totalSamplesDuration = static_cast<double>(decoding.samples) / kMaximumRateHz;
  stats.concealedSamples = decoding.concealedSamples;
  stats.silentConcealedSamples = decoding.silentConcealedSamples;
  stats.concealmentEvents = decoding.concealmentEvents;
  stats.insertedSamplesForDeceleration = decoding.samplesInserted;
  stats.removedSamplesForAcceleration = decoding.samplesRemoved;
  // A packet that has just repaired the one before it is counted when it is decoded itself.
  const uint64_t unused = decoding.fecPackets - std::min(decoding.fecPackets, decoding.fecPacketsUsed);
  stats.fecPacketsReceived = decoding.fecPackets + buffer.copiesReceived;
  stats.fecPacketsDiscarded = unused + buffer.copiesDiscarded;
  stats.audioLevel = decoding.audioLevel;
  stats.totalAudioEnergy = decoding.totalEnergy;
}

}  // namespace troupe
