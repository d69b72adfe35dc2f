#include "LatenessMeter.hpp"

#include <doctest/doctest.h>

using troupe::LatenessMeter;

TEST_SUITE("LatenessMeter") {
  TEST_CASE("knows percentiles of the last ticks and the maximum of all") {
    LatenessMeter meter;
    CHECK(meter.summary().p99Ms == 0);
    meter.add(50'000);
    for (int tick = 0; tick < 5'000; ++tick) meter.add(tick % 100 * 10);
    const auto summary = meter.summary();
    CHECK(summary.p50Ms == doctest::Approx(0.5));
    CHECK(summary.p99Ms == doctest::Approx(0.99).epsilon(0.02));
    CHECK(summary.maximumMs == 50);
  }
}
