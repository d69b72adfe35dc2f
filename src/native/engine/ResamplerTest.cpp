#include "Resampler.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

using namespace troupe;

namespace {

/** A second of a tone in 100 frames through the resampler. */
std::vector<int16_t> convertTone(PcmFormat from, PcmFormat to, double frequency) {
  Resampler resampler(from, to);
  std::vector<int16_t> out;
  PcmFrame in;
  PcmFrame made;
  in.format = from;
  for (size_t tick = 0; tick < 100; ++tick) {
    for (size_t at = 0; at < from.samplesPerChannel(); ++at) {
      const double time = static_cast<double>(tick * from.samplesPerChannel() + at) / from.rateHz;
      for (int channel = 0; channel < from.channels; ++channel)
        in.samples[at * static_cast<size_t>(from.channels) + static_cast<size_t>(channel)] =
            static_cast<int16_t>(10'000 * std::sin(2 * std::numbers::pi * frequency * time));
    }
    resampler.convert(in, made);
    CHECK(made.format == to);
    out.insert(out.end(), made.samples.begin(), made.samples.begin() + static_cast<ptrdiff_t>(to.samples()));
  }
  return out;
}

/** Share of the power that is at `frequency`, of the first channel and without the first tenth. */
double purity(const std::vector<int16_t>& pcm, PcmFormat format, double frequency) {
  double re = 0, im = 0, power = 0;
  const auto step = static_cast<size_t>(format.channels);
  size_t count = 0;
  for (size_t at = pcm.size() / 10; at + step <= pcm.size(); at += step, ++count) {
    const double angle = 2 * std::numbers::pi * frequency * static_cast<double>(count) / format.rateHz;
    re += pcm[at] * std::cos(angle);
    im += pcm[at] * std::sin(angle);
    power += static_cast<double>(pcm[at]) * pcm[at];
  }
  return 2 * (re * re + im * im) / (static_cast<double>(count) * power);
}

}  // namespace

TEST_SUITE("Resampler") {
  TEST_CASE("keeps a tone at every pair of rates") {
    for (const int from : {8'000, 12'000, 16'000, 24'000, 44'100, 48'000})
      for (const int to : {8'000, 12'000, 16'000, 24'000, 44'100, 48'000}) {
        CAPTURE(from);
        CAPTURE(to);
        CHECK(purity(convertTone({from, 1}, {to, 1}, 500), {to, 1}, 500) > 0.99);
      }
  }

  TEST_CASE("doubles and mixes channels") {
    CHECK(purity(convertTone({48'000, 1}, {16'000, 2}, 500), {16'000, 2}, 500) > 0.99);
    CHECK(purity(convertTone({44'100, 2}, {48'000, 1}, 500), {48'000, 1}, 500) > 0.99);
  }

  TEST_CASE("is exact when only channels differ") {
    Resampler resampler({8'000, 2}, {8'000, 1});
    PcmFrame in;
    PcmFrame out;
    in.format = {8'000, 2};
    in.concealed = true;
    for (size_t at = 0; at < 160; at += 2) {
      in.samples[at] = 100;
      in.samples[at + 1] = 300;
    }
    resampler.convert(in, out);
    CHECK(out.concealed);
    for (size_t at = 0; at < 80; ++at) REQUIRE(out.samples[at] == 200);
  }
}
