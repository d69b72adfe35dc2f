#include "GainRamp.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

using troupe::GainRamp;

TEST_SUITE("GainRamp") {
  TEST_CASE("scales and can exceed 16 bits") {
    GainRamp ramp(2);
    const std::array<int16_t, 2> in{30'000, -30'000};
    std::array<int32_t, 2> out{};
    ramp.apply(in, 1, out);
    CHECK(out == std::array<int32_t, 2>{60'000, -60'000});
  }

  TEST_CASE("moves evenly to its target and stays there") {
    GainRamp ramp(1);
    ramp.setTarget(0, 100);
    const std::vector<int16_t> in(200, 10'000);
    std::vector<int32_t> out(200);
    ramp.apply(in, 1, out);
    CHECK(out[0] == doctest::Approx(9'900).epsilon(0.01));
    CHECK(out[49] == doctest::Approx(5'000).epsilon(0.01));
    for (size_t at = 1; at < 100; ++at) REQUIRE(out[at] <= out[at - 1]);
    for (size_t at = 99; at < 200; ++at) REQUIRE(out[at] == 0);
  }

  TEST_CASE("moves both channels alike") {
    GainRamp ramp(0);
    ramp.setTarget(1, 10);
    const std::vector<int16_t> in(20, 1'000);
    std::vector<int32_t> out(20);
    ramp.apply(in, 2, out);
    for (size_t at = 0; at < 20; at += 2) CHECK(out[at] == out[at + 1]);
    CHECK(out[19] == 1'000);
  }

  TEST_CASE("goes on while nobody hears it") {
    GainRamp ramp(1);
    ramp.setTarget(0, 100);
    ramp.skip(50);
    CHECK(ramp.gain() == doctest::Approx(0.5));
    ramp.skip(1'000);
    CHECK(ramp.gain() == 0);
  }

  TEST_CASE("jumps when no time is given") {
    GainRamp ramp(1);
    ramp.setTarget(0.25F, 0);
    CHECK(ramp.gain() == 0.25F);
  }
}
