#include "AudioLevelMeter.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

using namespace troupe;

TEST_CASE("AudioLevelMeter calls nothing and zeroes silence") {
  AudioLevelMeter meter;
  CHECK(meter.take().rmsDbov == -127);
  meter.add(std::vector<int16_t>(480, 0));
  CHECK_FALSE(meter.isEmpty());
  const AudioLevel level = meter.take();
  CHECK(level.rmsDbov == -127);
  CHECK(level.peakDbov == -127);
}

TEST_CASE("AudioLevelMeter measures a full-scale square wave as 0 dBov and a sine 3 dB lower") {
  AudioLevelMeter meter;
  meter.add(std::vector<int16_t>(480, -32'768));
  CHECK(meter.take().rmsDbov == doctest::Approx(0));
  std::vector<int16_t> sine(4'800);
  for (size_t i = 0; i < sine.size(); ++i) {
    sine[i] = static_cast<int16_t>(32'767 * std::sin(2 * std::numbers::pi * 1'000 * static_cast<double>(i) / 48'000));
  }
  meter.add(sine);
  const AudioLevel level = meter.take();
  CHECK(level.rmsDbov == doctest::Approx(-3.01).epsilon(0.01));
  CHECK(level.peakDbov == doctest::Approx(0).epsilon(0.01));
}

TEST_CASE("AudioLevelMeter covers all that was added since the last reading, and no more") {
  AudioLevelMeter meter;
  meter.add(std::vector<int16_t>(100, 16'384));
  meter.add(std::vector<int16_t>(300, 0));
  CHECK(meter.samples() == 400);
  CHECK(meter.linearRms() == doctest::Approx(0.25));
  const AudioLevel level = meter.take();
  CHECK(level.rmsDbov == doctest::Approx(-12.04).epsilon(0.01));
  CHECK(level.peakDbov == doctest::Approx(-6.02).epsilon(0.01));
  CHECK(meter.isEmpty());
}
