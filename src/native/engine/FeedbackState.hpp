#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "RtcpTypes.hpp"
#include "StreamOptions.hpp"

namespace troupe {

/** What the far side's receiver reports say about one outgoing stream. Any thread. */
class FeedbackState {
 public:
  explicit FeedbackState(uint32_t clockRate) : clockRate_(clockRate) {}

  /** `unixUs` is of the clock that made the NTP time of our sender reports. True when the expected loss has changed. */
  bool onReportBlock(const ReportBlock& block, int64_t unixUs);

  /** Percent; falls slower than it rises, so that a quiet moment does not end the protection. */
  int expectedLossPercent() const { return expectedLossPercent_; }
  int64_t roundTripUs() const { return roundTripUs_; }

  /** Takes over what was said of an earlier stream of the same SSRC. Before any report of this one. */
  void goOnFrom(const FeedbackState& earlier);

  /** Fills the remote fields. */
  void fill(OutboundStats& stats) const;

 private:
  const uint32_t clockRate_;
  std::atomic<int> expectedLossPercent_{0};
  std::atomic<int64_t> roundTripUs_{-1};
  mutable std::mutex mutex_;
  double smoothedLossPercent_ = 0;
  bool hasReport_ = false;
  ReportBlock last_;
};

}  // namespace troupe
