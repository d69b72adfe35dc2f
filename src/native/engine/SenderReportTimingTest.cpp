#include "SenderReportTiming.hpp"

#include <doctest/doctest.h>

#include "NtpTime.hpp"

using namespace troupe;

TEST_CASE("NTP times convert to Unix time and back") {
  CHECK(ntpFromUnixUs(0) == kNtpUnixOffsetSeconds << 32);
  CHECK(ntpFromUnixUs(500'000) == ((kNtpUnixOffsetSeconds << 32) | 0x80000000ULL));
  const int64_t some = 1'700'000'000'123'456;
  CHECK(unixUsFromNtp(ntpFromUnixUs(some)) == some);
  CHECK(usFromCompactNtp(compactNtpFromUs(1'500'000)) == 1'500'000);
}

TEST_CASE("SenderReportTiming has nothing to say before a report") {
  SenderReportTiming timing;
  CHECK(timing.lastSenderReport() == 0);
  CHECK(timing.delaySinceLastSenderReport(1'000'000) == 0);
  CHECK_FALSE(timing.senderUnixUs(0, 48'000).has_value());
}

TEST_CASE("a round trip is what is left after the far side's delay") {
  const int64_t sentUs = 1'700'000'000'000'000;
  SenderInfo info;
  info.ntpTime = ntpFromUnixUs(sentUs);
  SenderReportTiming farSide;
  farSide.onSenderReport(info, 7'000'000);

  ReportBlock block;
  block.lastSenderReport = farSide.lastSenderReport();
  block.delaySinceLastSenderReport = farSide.delaySinceLastSenderReport(7'250'000);
  CHECK(block.delaySinceLastSenderReport == 65'536 / 4);
  const auto roundTrip = SenderReportTiming::roundTripUs(block, sentUs + 250'000 + 40'000);
  REQUIRE(roundTrip.has_value());
  CHECK(*roundTrip == doctest::Approx(40'000).epsilon(0.001));
}

TEST_CASE("a round trip that makes no sense is none") {
  ReportBlock block;
  CHECK_FALSE(SenderReportTiming::roundTripUs(block, 1'000'000).has_value());
  block.lastSenderReport = compactNtp(ntpFromUnixUs(1'700'000'000'000'000));
  block.delaySinceLastSenderReport = 65'536 * 10;
  CHECK_FALSE(SenderReportTiming::roundTripUs(block, 1'700'000'000'000'000).has_value());
  block.delaySinceLastSenderReport = 10;
  CHECK(SenderReportTiming::roundTripUs(block, 1'700'000'000'000'000) == 0);
}

TEST_CASE("SenderReportTiming maps timestamps to the sender's clock, before and after the report") {
  SenderReportTiming timing;
  SenderInfo info;
  info.ntpTime = ntpFromUnixUs(1'000'000'000);
  info.rtpTimestamp = 100;
  timing.onSenderReport(info, 0);
  CHECK(timing.senderUnixUs(100 + 48'000, 48'000) == 1'001'000'000);
  CHECK(timing.senderUnixUs(100 - 24'000, 48'000) == 999'500'000);
}
