#include "Limiter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace troupe;

namespace {

constexpr int kRateHz = 48'000;
constexpr size_t kFrame = 480;

/** A second of a tone of `amplitude`, in 32 bits. */
std::vector<int32_t> tone(double amplitude) {
  std::vector<int32_t> pcm;
  for (int at = 0; at < kRateHz; ++at)
    pcm.push_back(static_cast<int32_t>(amplitude * std::sin(2 * std::numbers::pi * 440 * at / kRateHz)));
  return pcm;
}

std::vector<int16_t> limit(Limiter& limiter, const std::vector<int32_t>& in) {
  std::vector<int16_t> out(in.size());
  for (size_t at = 0; at + kFrame <= in.size(); at += kFrame)
    limiter.process(std::span(in).subspan(at, kFrame), std::span(out).subspan(at, kFrame));
  return out;
}

}  // namespace

TEST_SUITE("Limiter") {
  TEST_CASE("passes what fits bit for bit, late by its look-ahead") {
    const size_t ahead = Limiter::liveLookAhead(kRateHz);
    Limiter limiter(kRateHz, 1, ahead);
    const auto in = tone(32'000);
    const auto out = limit(limiter, in);
    for (size_t at = ahead; at < in.size(); ++at) REQUIRE(out[at] == in[at - ahead]);
    CHECK(limiter.holdsSound());
  }

  TEST_CASE("keeps the shape of what is too loud: no sample is cut off") {
    Limiter limiter(kRateHz, 1, Limiter::liveLookAhead(kRateHz));
    const auto out = limit(limiter, tone(70'000));
    // A clipped tone of this level would stay at the rail for two thirds of the time.
    const auto railed = std::count_if(out.begin(), out.end(), [](int16_t sample) { return std::abs(sample) > 32'700; });
    CHECK(railed < kRateHz / 10);
    CHECK(*std::max_element(out.begin(), out.end()) > 30'000);
  }

  TEST_CASE("lets the gain fall before a sudden peak, without a step") {
    Limiter limiter(kRateHz, 1, Limiter::liveLookAhead(kRateHz));
    std::vector<int32_t> in(kRateHz, 20'000);
    for (size_t at = kFrame * 10; at < kFrame * 11; ++at) in[at] = 60'000;
    const auto out = limit(limiter, in);
    // The level before and behind the edge differ by the edge's own factor of 3 times the gain: what is smooth is the
    // gain, seen on the even level in front of the edge.
    const size_t edge = kFrame * 10 + Limiter::liveLookAhead(kRateHz);
    for (size_t at = kFrame * 5; at + 1 < edge; ++at) REQUIRE(std::abs(out[at + 1] - out[at]) < 400);
    CHECK(out[edge - 1] < 11'500);
    CHECK(out[edge] > 32'000);
  }

  TEST_CASE("returns to full gain") {
    Limiter limiter(kRateHz, 1, Limiter::liveLookAhead(kRateHz));
    limit(limiter, tone(70'000));
    const auto out = limit(limiter, tone(20'000));
    CHECK(*std::max_element(out.end() - 4'800, out.end()) > 19'990);
  }

  TEST_CASE("without look-ahead it delays nothing and never exceeds") {
    Limiter limiter(kRateHz, 1, 0);
    const auto in = tone(70'000);
    const auto out = limit(limiter, in);
    CHECK_FALSE(limiter.holdsSound());
    for (size_t at = 0; at < in.size(); ++at) REQUIRE((out[at] > 0) == (in[at] > 1));
    Limiter quiet(kRateHz, 2, 0);
    const auto soft = tone(1'000);
    const auto same = limit(quiet, soft);
    for (size_t at = 0; at < soft.size(); ++at) REQUIRE(same[at] == soft[at]);
  }
}
