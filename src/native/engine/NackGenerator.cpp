#include "NackGenerator.hpp"

#include <algorithm>

namespace troupe {

std::optional<int64_t> NackGenerator::onPacket(uint16_t sequenceNumber, int64_t nowUs) {
  if (!unwrapper_.hasLast()) {
    highest_ = unwrapper_.unwrap(sequenceNumber);
    return std::nullopt;
  }
  const int64_t sequence = unwrapper_.peek(sequenceNumber);
  if (sequence <= highest_) {
    if (highest_ - sequence > kRestartDistance) {
      reset();
      highest_ = unwrapper_.unwrap(sequenceNumber);
    } else if (const auto missing = remove(sequence)) {
      recovered_ += 1;
      if (missing->requests > 0) return nowUs - missing->lastRequestUs;
    }
    return std::nullopt;
  }
  if (sequence - highest_ - 1 > kMaximumGap) {
    givenUp_ += count_;
    count_ = 0;
  } else {
    for (int64_t missing = highest_ + 1; missing < sequence; ++missing) add(missing, nowUs);
  }
  highest_ = unwrapper_.unwrap(sequenceNumber);
  return std::nullopt;
}

size_t NackGenerator::collect(int64_t nowUs, int64_t roundTripUs, std::span<uint16_t> requests,
                              const std::optional<Playout>& playout) {
  const int64_t retryUs = std::max(roundTripUs, kMinimumRetryUs);
  size_t kept = 0;
  size_t filled = 0;
  for (size_t i = 0; i < count_; ++i) {
    Missing missing = missing_[i];
    const bool spent = missing.requests >= kMaximumRequests && nowUs - missing.lastRequestUs >= retryUs;
    const bool isLate = isTooLate(missing, nowUs + roundTripUs, playout);
    // One that was asked for may still be on its way.
    if (spent || (isLate && missing.requests == 0) || nowUs - missing.sinceUs > maximumAgeUs_) {
      givenUp_ += 1;
      continue;
    }
    const bool isDue = missing.requests == 0 ? nowUs - missing.sinceUs >= kFirstRequestDelayUs
                                             : nowUs - missing.lastRequestUs >= retryUs;
    if (isDue && !isLate && missing.requests < kMaximumRequests && filled < requests.size()) {
      requests[filled++] = static_cast<uint16_t>(missing.sequence);
      missing.requests += 1;
      missing.lastRequestUs = nowUs;
    }
    missing_[kept++] = missing;
  }
  count_ = kept;
  requested_ += filled;
  return filled;
}

bool NackGenerator::isTooLate(const Missing& missing, int64_t arrivesUs, const std::optional<Playout>& playout) const {
  return playout && arrivesUs > playout->newestDueUs - (highest_ - missing.sequence) * playout->intervalUs;
}

void NackGenerator::reset() {
  givenUp_ += count_;
  count_ = 0;
  unwrapper_.reset();
}

void NackGenerator::add(int64_t sequence, int64_t nowUs) {
  if (count_ == kMaximumMissing) {
    std::move(missing_.begin() + 1, missing_.begin() + count_, missing_.begin());
    count_ -= 1;
    givenUp_ += 1;
  }
  missing_[count_++] = {sequence, nowUs, 0, 0};
}

std::optional<NackGenerator::Missing> NackGenerator::remove(int64_t sequence) {
  for (size_t i = 0; i < count_; ++i) {
    if (missing_[i].sequence != sequence) continue;
    const Missing missing = missing_[i];
    std::move(missing_.begin() + i + 1, missing_.begin() + count_, missing_.begin() + i);
    count_ -= 1;
    return missing;
  }
  return std::nullopt;
}

}  // namespace troupe
