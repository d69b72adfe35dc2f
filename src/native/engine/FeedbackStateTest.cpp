#include "FeedbackState.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

ReportBlock lossOf(double share) {
  ReportBlock block;
  block.fractionLost = static_cast<uint8_t>(share * 256);
  block.cumulativeLost = 12;
  block.jitter = 480;
  return block;
}

}  // namespace

TEST_SUITE("FeedbackState") {
  TEST_CASE("rises at once and falls slowly") {
    FeedbackState state(48'000);
    CHECK(state.onReportBlock(lossOf(0.2), 0));
    CHECK(state.expectedLossPercent() == 20);
    CHECK(state.onReportBlock(lossOf(0), 0));
    CHECK(state.expectedLossPercent() == 16);
    for (int report = 0; report < 30; ++report) state.onReportBlock(lossOf(0), 0);
    CHECK(state.expectedLossPercent() == 0);
    CHECK_FALSE(state.onReportBlock(lossOf(0), 0));
  }

  TEST_CASE("gives the far side's figures, and -1 before there are any") {
    FeedbackState state(48'000);
    OutboundStats stats;
    state.fill(stats);
    CHECK(stats.remoteFractionLost == -1);
    CHECK(stats.roundTripTime == -1);
    state.onReportBlock(lossOf(0.5), 0);
    state.fill(stats);
    CHECK(stats.remoteFractionLost == 0.5);
    CHECK(stats.remotePacketsLost == 12);
    CHECK(stats.remoteJitter == doctest::Approx(0.01));
  }
}
