#include "StreamConverter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace troupe;

namespace {

/** A second of a tone on the first channel (and a constant on the second) through the converter. */
std::vector<int16_t> convertSecond(PcmFormat from, PcmFormat to) {
  StreamConverter converter(from, to);
  std::vector<int16_t> out;
  PcmFrame in;
  in.format = from;
  for (size_t tick = 0; tick < 100; ++tick) {
    for (size_t at = 0; at < from.samplesPerChannel(); ++at) {
      const double time = static_cast<double>(tick * from.samplesPerChannel() + at) / from.rateHz;
      in.samples[at * static_cast<size_t>(from.channels)] =
          static_cast<int16_t>(10'000 * std::sin(2 * std::numbers::pi * 440 * time));
      if (from.channels == 2) in.samples[at * 2 + 1] = 1'000;
    }
    converter.convert(in, out);
  }
  return out;
}

}  // namespace

TEST_SUITE("StreamConverter") {
  TEST_CASE("gives a second of any rate for a second, short of its filter") {
    for (const int rateHz : {11'025, 22'050, 32'000, 96'000}) {
      const auto out = convertSecond({48'000, 1}, {rateHz, 1});
      CHECK(static_cast<double>(out.size()) == doctest::Approx(rateHz).epsilon(0.01));
      CHECK(*std::max_element(out.begin(), out.end()) == doctest::Approx(10'000).epsilon(0.02));
    }
  }

  TEST_CASE("spreads mono over all channels, and stereo over the first two") {
    const auto mono = convertSecond({48'000, 1}, {32'000, 4});
    for (size_t at = 0; at < mono.size(); at += 4) REQUIRE(mono[at] == mono[at + 3]);
    const auto stereo = convertSecond({48'000, 2}, {48'000, 4});
    const size_t last = stereo.size() - 4;
    CHECK(stereo[last + 1] == doctest::Approx(1'000).epsilon(0.01));
    CHECK(stereo[last + 2] == 0);
    CHECK(stereo[last + 3] == 0);
  }
}
