#include "ReceptionStatistics.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {

namespace {
constexpr int64_t kTurn = 65'536;
/** A larger difference of transit times is a jump of the sender's clock, not jitter. */
constexpr double kMaximumTransitStepSeconds = 5;
}  // namespace

ReceptionStatistics::ReceptionStatistics(uint32_t clockRate) : clockRate_(clockRate) {}

ReceptionStatistics::Arrival ReceptionStatistics::onPacket(uint16_t sequenceNumber, uint32_t timestamp,
                                                           int64_t arrivalUs, size_t headerBytes,
                                                           size_t payloadBytes) {
  Arrival arrival = Arrival::inOrder;
  if (packetsReceived_ > 0) longestGapUs_ = std::max(longestGapUs_, arrivalUs - lastArrivalUs_);
  if (!started_) {
    start(sequenceNumber);
  } else {
    const int64_t sequence =
        highest_ + static_cast<int16_t>(static_cast<uint16_t>(sequenceNumber - static_cast<uint16_t>(highest_)));
    const int64_t step = sequence - highest_;
    if (step > kMaximumDropout || step < -kMaximumMisorder) {
      if (restartCandidate_ != sequenceNumber) {
        restartCandidate_ = static_cast<uint16_t>(sequenceNumber + 1);
        return Arrival::outOfRange;
      }
      expectedInEarlierRuns_ = expected();
      start(sequenceNumber);
      arrival = Arrival::restarted;
    } else {
      lastArrivalUs_ = arrivalUs;
      if (!markSeen(sequence)) {
        packetsDuplicated_ += 1;
        return Arrival::duplicate;
      }
      if (step < 0) arrival = Arrival::reordered;
      first_ = std::min(first_, sequence);
      highest_ = std::max(highest_, sequence);
    }
    restartCandidate_ = -1;
  }
  lastArrivalUs_ = arrivalUs;
  packetsReceived_ += 1;
  bytesReceived_ += payloadBytes;
  headerBytesReceived_ += headerBytes;
  if (arrival != Arrival::reordered) updateJitter(timestamp, arrivalUs);
  return arrival;
}

void ReceptionStatistics::start(uint16_t sequenceNumber) {
  started_ = true;
  first_ = kTurn + sequenceNumber;
  highest_ = first_;
  hasTransit_ = false;
  seen_.fill(0);
  markSeen(first_);
}

bool ReceptionStatistics::markSeen(int64_t sequence) {
  const auto word = [this](int64_t at) -> uint64_t& { return seen_[(at % kDuplicateWindow) / 64]; };
  const auto bit = [](int64_t at) { return uint64_t{1} << (at % 64); };
  if (sequence > highest_ + static_cast<int64_t>(kDuplicateWindow)) {
    seen_.fill(0);
  } else {
    for (int64_t skipped = highest_ + 1; skipped <= sequence; ++skipped) word(skipped) &= ~bit(skipped);
  }
  if ((word(sequence) & bit(sequence)) != 0) return false;
  word(sequence) |= bit(sequence);
  return true;
}

void ReceptionStatistics::updateJitter(uint32_t timestamp, int64_t arrivalUs) {
  // Packets of one frame share a timestamp and are no new measurement.
  if (hasTransit_ && timestamp == lastTimestamp_) return;
  if (hasTransit_) {
    const double arrived = static_cast<double>(arrivalUs - lastTransitArrivalUs_) * clockRate_ / 1e6;
    const double sent = static_cast<int32_t>(timestamp - lastTimestamp_);
    const double difference = std::abs(arrived - sent);
    if (difference < kMaximumTransitStepSeconds * clockRate_) jitter_ += (difference - jitter_) / 16;
  }
  hasTransit_ = true;
  lastTimestamp_ = timestamp;
  lastTransitArrivalUs_ = arrivalUs;
}

ReportBlock ReceptionStatistics::takeReportBlock(uint32_t ssrc, const SenderReportTiming& timing, int64_t nowUs) {
  ReportBlock block;
  block.ssrc = ssrc;
  const int64_t expectedNow = expected();
  const int64_t receivedNow = static_cast<int64_t>(packetsReceived_);
  const int64_t expectedInterval = expectedNow - expectedPrior_;
  const int64_t lostInterval = expectedInterval - (receivedNow - receivedPrior_);
  expectedPrior_ = expectedNow;
  receivedPrior_ = receivedNow;
  if (expectedInterval > 0 && lostInterval > 0) {
    block.fractionLost = static_cast<uint8_t>(std::min<int64_t>(255, lostInterval * 256 / expectedInterval));
  }
  block.cumulativeLost = static_cast<int32_t>(std::clamp<int64_t>(packetsLost(), -0x800000, 0x7fffff));
  block.extendedHighestSequenceNumber = extendedHighestSequenceNumber();
  block.jitter = static_cast<uint32_t>(jitter_);
  block.lastSenderReport = timing.lastSenderReport();
  block.delaySinceLastSenderReport = timing.delaySinceLastSenderReport(nowUs);
  return block;
}

int64_t ReceptionStatistics::packetsLost() const { return expected() - static_cast<int64_t>(packetsReceived_); }

double ReceptionStatistics::jitterSeconds() const { return clockRate_ == 0 ? 0 : jitter_ / clockRate_; }

uint32_t ReceptionStatistics::extendedHighestSequenceNumber() const {
  return started_ ? static_cast<uint32_t>(highest_ - kTurn) : 0;
}

}  // namespace troupe
