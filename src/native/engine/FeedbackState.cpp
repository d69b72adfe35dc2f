#include "FeedbackState.hpp"

#include <cmath>

#include "SenderReportTiming.hpp"

namespace troupe {

namespace {

constexpr double kFallFactor = 0.8;
constexpr double kPercentPerFraction = 100.0 / 256;

}  // namespace

bool FeedbackState::onReportBlock(const ReportBlock& block, int64_t unixUs) {
  if (const auto roundTrip = SenderReportTiming::roundTripUs(block, unixUs)) roundTripUs_ = *roundTrip;
  std::lock_guard lock(mutex_);
  hasReport_ = true;
  last_ = block;
  const double loss = block.fractionLost * kPercentPerFraction;
  smoothedLossPercent_ = loss > smoothedLossPercent_
                             ? loss
                             : kFallFactor * smoothedLossPercent_ + (1 - kFallFactor) * loss;
  const int percent = static_cast<int>(std::lround(smoothedLossPercent_));
  return expectedLossPercent_.exchange(percent) != percent;
}

void FeedbackState::goOnFrom(const FeedbackState& earlier) {
  expectedLossPercent_ = earlier.expectedLossPercent_.load();
  roundTripUs_ = earlier.roundTripUs_.load();
  std::scoped_lock lock(mutex_, earlier.mutex_);
  smoothedLossPercent_ = earlier.smoothedLossPercent_;
}

void FeedbackState::fill(OutboundStats& stats) const {
  const int64_t roundTrip = roundTripUs_;
  stats.roundTripTime = roundTrip < 0 ? -1 : static_cast<double>(roundTrip) / 1e6;
  std::lock_guard lock(mutex_);
  if (!hasReport_) return;
  stats.remoteFractionLost = last_.fractionLost / 256.0;
  stats.remotePacketsLost = last_.cumulativeLost;
  stats.remoteJitter = static_cast<double>(last_.jitter) / clockRate_;
}

}  // namespace troupe
