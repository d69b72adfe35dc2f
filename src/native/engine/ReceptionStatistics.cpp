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
  bool isRepaired = false;
  if (packetsReceived_ > 0) longestGapUs_ = std::max(longestGapUs_, arrivalUs - lastArrivalUs_);
  if (!started_) {
    start(sequenceNumber);
  } else {
    const int64_t sequence = unwrap(sequenceNumber);
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
      if (step > 0) advanceTo(sequence);
      if (isMarked(seen_, sequence)) {
        packetsDuplicated_ += 1;
        return Arrival::duplicate;
      }
      mark(seen_, sequence);
      isRepaired = isMarked(repaired_, sequence);
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
  return isRepaired ? Arrival::duplicate : arrival;
}

ReceptionStatistics::Arrival ReceptionStatistics::onRepair(uint16_t sequenceNumber) {
  const int64_t sequence = unwrap(sequenceNumber);
  const int64_t step = sequence - highest_;
  if (!started_ || step > kMaximumDropout || step < -kMaximumMisorder) return Arrival::outOfRange;
  if (step > 0) return Arrival::inOrder;
  if (isMarked(seen_, sequence) || isMarked(repaired_, sequence)) return Arrival::duplicate;
  mark(repaired_, sequence);
  return Arrival::reordered;
}

void ReceptionStatistics::start(uint16_t sequenceNumber) {
  started_ = true;
  first_ = kTurn + sequenceNumber;
  highest_ = first_;
  hasTransit_ = false;
  seen_.fill(0);
  repaired_.fill(0);
  mark(seen_, first_);
}

int64_t ReceptionStatistics::unwrap(uint16_t sequenceNumber) const {
  return highest_ + static_cast<int16_t>(static_cast<uint16_t>(sequenceNumber - static_cast<uint16_t>(highest_)));
}

bool ReceptionStatistics::isMarked(const Window& window, int64_t sequence) {
  return (window[static_cast<size_t>(sequence) % kDuplicateWindow / 64] & (uint64_t{1} << (sequence % 64))) != 0;
}

void ReceptionStatistics::mark(Window& window, int64_t sequence) {
  window[static_cast<size_t>(sequence) % kDuplicateWindow / 64] |= uint64_t{1} << (sequence % 64);
}

void ReceptionStatistics::advanceTo(int64_t sequence) {
  const int64_t oldest = std::max(highest_ + 1, sequence - static_cast<int64_t>(kDuplicateWindow) + 1);
  for (int64_t fresh = oldest; fresh <= sequence; ++fresh)
    for (Window* window : {&seen_, &repaired_})
      (*window)[static_cast<size_t>(fresh) % kDuplicateWindow / 64] &= ~(uint64_t{1} << (fresh % 64));
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
