#include "DominantSpeaker.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace troupe;

namespace {

constexpr float kLoud = 3'000.0F * 3'000.0F;
constexpr float kQuiet = 10.0F * 10.0F;

/** Ticks until the speaker changes, at most `limit`. */
int ticksToChange(DominantSpeaker& speaker, float first, float second, int limit = 1'000) {
  const std::array<DominantSpeaker::Candidate, 2> both{{{1, first}, {2, second}}};
  for (int tick = 1; tick <= limit; ++tick)
    if (speaker.update(both)) return tick;
  return 0;
}

}  // namespace

TEST_SUITE("DominantSpeaker") {
  TEST_CASE("names who speaks, and keeps the name through a pause") {
    DominantSpeaker speaker;
    CHECK(ticksToChange(speaker, kQuiet, kQuiet) == 0);
    CHECK(speaker.current() == 0);
    CHECK(ticksToChange(speaker, kLoud, kQuiet) > 0);
    CHECK(speaker.current() == 1);
    CHECK(ticksToChange(speaker, kQuiet, kQuiet) == 0);
    CHECK(speaker.current() == 1);
  }

  TEST_CASE("changes to another who is louder for a while, not to a short noise") {
    DominantSpeaker speaker;
    ticksToChange(speaker, kLoud, kQuiet);
    CHECK(ticksToChange(speaker, kQuiet, kLoud, 10) == 0);
    CHECK(ticksToChange(speaker, kLoud, kQuiet, 10) == 0);
    CHECK(speaker.current() == 1);
    CHECK(ticksToChange(speaker, kQuiet, kLoud) > 10);
    CHECK(speaker.current() == 2);
  }

  TEST_CASE("does not flip between two who are equally loud") {
    DominantSpeaker speaker;
    ticksToChange(speaker, kLoud, kQuiet);
    CHECK(ticksToChange(speaker, kLoud, kLoud * 1.5F) == 0);
  }

  TEST_CASE("names nobody once the speaker has left") {
    DominantSpeaker speaker;
    ticksToChange(speaker, kLoud, kQuiet);
    const std::array<DominantSpeaker::Candidate, 1> rest{{{2, kQuiet}}};
    CHECK(speaker.update(rest));
    CHECK(speaker.current() == 0);
  }
}
