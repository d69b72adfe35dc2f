#include "SenderReportTiming.hpp"

#include <algorithm>

#include "NtpTime.hpp"

namespace troupe {

namespace {
/** Longer round trips are taken for a broken report. */
constexpr int64_t kMaximumRoundTripUs = 60'000'000;
/** The compact form wraps after 18 hours; nothing we know stays that long without a report. */
constexpr int64_t kMaximumReportAgeUs = 65'000'000'000;
}  // namespace

void SenderReportTiming::onSenderReport(const SenderInfo& info, int64_t arrivalUs) {
  info_ = info;
  arrivalUs_ = arrivalUs;
  hasReport_ = true;
}

uint32_t SenderReportTiming::lastSenderReport() const { return hasReport_ ? compactNtp(info_.ntpTime) : 0; }

uint32_t SenderReportTiming::delaySinceLastSenderReport(int64_t nowUs) const {
  if (!hasReport_) return 0;
  return compactNtpFromUs(std::clamp<int64_t>(nowUs - arrivalUs_, 0, kMaximumReportAgeUs));
}

std::optional<int64_t> SenderReportTiming::senderUnixUs(uint32_t timestamp, uint32_t clockRate) const {
  if (!hasReport_ || clockRate == 0) return std::nullopt;
  const int64_t ticks = static_cast<int32_t>(timestamp - info_.rtpTimestamp);
  return unixUsFromNtp(info_.ntpTime) + ticks * 1'000'000 / clockRate;
}

std::optional<int64_t> SenderReportTiming::roundTripUs(const ReportBlock& block, int64_t nowUs) {
  if (block.lastSenderReport == 0) return std::nullopt;
  const uint32_t now = compactNtp(ntpFromUnixUs(nowUs));
  const uint32_t elapsed = now - block.lastSenderReport - block.delaySinceLastSenderReport;
  // A small negative result is the rounding of a round trip near zero.
  const int32_t signedElapsed = static_cast<int32_t>(elapsed);
  if (signedElapsed < 0) return signedElapsed > -66 ? std::optional<int64_t>{0} : std::nullopt;
  const int64_t roundTripUs = usFromCompactNtp(elapsed);
  if (roundTripUs > kMaximumRoundTripUs) return std::nullopt;
  return roundTripUs;
}

}  // namespace troupe
