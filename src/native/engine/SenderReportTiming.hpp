#pragma once
// What follows from sender reports: LSR and DLSR for our reports, round trips, the sender's clock.

#include <cstdint>
#include <optional>

#include "RtcpTypes.hpp"

namespace troupe {

class SenderReportTiming {
 public:
  void onSenderReport(const SenderInfo& info, int64_t arrivalUs);

  bool hasReport() const { return hasReport_; }
  /** 0 before the first report. */
  uint32_t lastSenderReport() const;
  uint32_t delaySinceLastSenderReport(int64_t nowUs) const;
  /** The sender's wall clock (Unix us) at an RTP timestamp; nothing before the first report. */
  std::optional<int64_t> senderUnixUs(uint32_t timestamp, uint32_t clockRate) const;
  const SenderInfo& last() const { return info_; }

  /**
   * Round trip in us from a report block about one of our streams. `nowUs` is of the clock that made the NTP
   * time of our sender reports. Nothing when the far side has seen no report of ours, or the times make no sense.
   */
  static std::optional<int64_t> roundTripUs(const ReportBlock& block, int64_t nowUs);

 private:
  SenderInfo info_;
  int64_t arrivalUs_ = 0;
  bool hasReport_ = false;
};

}  // namespace troupe
