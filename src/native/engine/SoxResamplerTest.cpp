#include "SoxResampler.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

using namespace troupe;

namespace {

std::vector<int16_t> tone(int rateHz, double hertz, int channels = 1) {
  std::vector<int16_t> pcm;
  for (int at = 0; at < rateHz; ++at)
    for (int channel = 0; channel < channels; ++channel)
      pcm.push_back(static_cast<int16_t>(10'000 * std::sin(2 * std::numbers::pi * hertz * at / rateHz)));
  return pcm;
}

double rms(std::span<const int16_t> pcm) {
  double sum = 0;
  for (const int16_t sample : pcm) sum += double{static_cast<double>(sample)} * sample;
  return std::sqrt(sum / static_cast<double>(pcm.size()));
}

}  // namespace

TEST_SUITE("SoxResampler") {
  TEST_CASE("gives a second for a second at every quality, once flushed") {
    for (const auto quality : {SoxResampler::Quality::quick, SoxResampler::Quality::low, SoxResampler::Quality::medium,
                               SoxResampler::Quality::high, SoxResampler::Quality::veryHigh}) {
      SoxResampler resampler(48'000, 16'000, 1, quality);
      std::vector<int16_t> out;
      const auto in = tone(48'000, 440);
      for (size_t at = 0; at < in.size(); at += 480) resampler.push(std::span(in).subspan(at, 480), out);
      if (quality != SoxResampler::Quality::quick) CHECK(out.size() < 16'000);
      resampler.flush(out);
      CHECK(out.size() == 16'000);
      CHECK(rms(out) == doctest::Approx(10'000 / std::numbers::sqrt2).epsilon(0.02));
    }
  }

  TEST_CASE("takes any rates and channels, and can be used again after a flush") {
    SoxResampler resampler(44'100, 22'050, 2, SoxResampler::Quality::medium);
    const auto in = tone(44'100, 440, 2);
    for (int round = 0; round < 2; ++round) {
      std::vector<int16_t> out;
      resampler.push(in, out);
      resampler.flush(out);
      CHECK(out.size() == 44'100);
    }
  }

  TEST_CASE("keeps what lies above the new band out") {
    SoxResampler resampler(48'000, 8'000, 1, SoxResampler::Quality::high);
    std::vector<int16_t> out;
    resampler.push(tone(48'000, 6'000), out);
    resampler.flush(out);
    CHECK(rms(std::span(out).subspan(1'000, 6'000)) < 20);
  }
}
