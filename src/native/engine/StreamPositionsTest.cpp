#include "StreamPositions.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

StreamPosition at(uint16_t nextSequenceNumber) {
  StreamPosition position;
  position.nextSequenceNumber = nextSequenceNumber;
  return position;
}

}  // namespace

TEST_SUITE("StreamPositions") {
  TEST_CASE("knows where each stream ended last") {
    StreamPositions positions;
    CHECK_FALSE(positions.of(1));
    positions.remember(1, at(10));
    positions.remember(2, at(20));
    positions.remember(1, at(11));
    CHECK(positions.of(1)->nextSequenceNumber == 11);
    CHECK(positions.of(2)->nextSequenceNumber == 20);
  }

  TEST_CASE("forgets the stream that ended longest ago, and not one that came again since") {
    StreamPositions positions;
    positions.remember(1, at(10));
    positions.remember(2, at(20));
    positions.remember(1, at(11));
    for (uint32_t ssrc = 3; ssrc <= StreamPositions::kMaximum + 1; ++ssrc) positions.remember(ssrc, at(0));
    CHECK_FALSE(positions.of(2));
    REQUIRE(positions.of(1));
    CHECK(positions.of(1)->nextSequenceNumber == 11);
    positions.remember(9'999, at(0));
    CHECK_FALSE(positions.of(1));
  }
}
