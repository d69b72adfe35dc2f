#include "PitchFinder.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace troupe;

TEST_SUITE("PitchFinder") {
  TEST_CASE("finds the period of a voice to the sample, not a multiple of it") {
    for (const PcmFormat format : {PcmFormat{8'000, 1}, PcmFormat{24'000, 2}, PcmFormat{48'000, 1}})
      for (const double hz : {75.0, 100.0, 160.0, 250.0}) {
        CAPTURE(format.rateHz);
        CAPTURE(hz);
        std::vector<int16_t> pcm;
        for (int at = 0; at < format.rateHz / 1000 * 30; ++at) {
          double value = 0;
          for (int harmonic = 1; harmonic <= 4; ++harmonic) value += std::sin(2 * M_PI * hz * harmonic * at / format.rateHz) / harmonic;
          for (int channel = 0; channel < format.channels; ++channel) pcm.push_back(static_cast<int16_t>(6'000 * value));
        }
        PitchFinder finder(format);
        const auto found = finder.find(pcm);
        CHECK(std::abs(static_cast<double>(found.period) - format.rateHz / hz) <= 1);
        CHECK(found.likeness > 0.98);
        CHECK(found.power > 1e6);
      }
  }

  TEST_CASE("gives nothing for less than two of the shortest periods") {
    PitchFinder finder({16'000, 1});
    CHECK(finder.find(std::vector<int16_t>(79)).period == 0);
    CHECK(finder.find({}).period == 0);
    // Silence repeats itself perfectly.
    CHECK(finder.find(std::vector<int16_t>(480)).likeness == 1);
  }
}
