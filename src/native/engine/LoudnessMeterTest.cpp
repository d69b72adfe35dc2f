#include "LoudnessMeter.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

using namespace troupe;

TEST_SUITE("LoudnessMeter") {
  TEST_CASE("reads the tone of EBU Tech 3341, case 1: stereo, 1 kHz at -23 dBFS is -23 LUFS") {
    LoudnessMeter meter(48'000, 2);
    std::vector<int16_t> pcm;
    const double amplitude = 32'768 * std::pow(10, -23.0 / 20);
    for (int at = 0; at < 20 * 48'000; ++at) {
      const auto sample = static_cast<int16_t>(std::lrint(amplitude * std::sin(2 * std::numbers::pi * 1'000 * at / 48'000)));
      pcm.insert(pcm.end(), {sample, sample});
    }
    for (size_t at = 0; at < pcm.size(); at += 960) meter.add(std::span(pcm).subspan(at, 960));
    const auto figures = meter.figures();
    CHECK(figures.integrated == doctest::Approx(-23).epsilon(0.005));
    CHECK(figures.shortTerm == doctest::Approx(-23).epsilon(0.005));
    CHECK(figures.momentary == doctest::Approx(-23).epsilon(0.005));
    CHECK(figures.truePeak == doctest::Approx(-23).epsilon(0.02));
    CHECK(figures.range < 0.5);
  }

  TEST_CASE("reads silence as none") {
    LoudnessMeter meter(16'000, 1);
    meter.add(std::vector<int16_t>(16'000));
    CHECK(std::isinf(meter.figures().integrated));
    CHECK(std::isinf(meter.figures().truePeak));
  }
}
