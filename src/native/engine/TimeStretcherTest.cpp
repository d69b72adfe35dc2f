#include "TimeStretcher.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

using namespace troupe;

namespace {

std::vector<int16_t> tone(const PcmFormat& format, double hz, int ms, double amplitude = 8'000) {
  std::vector<int16_t> pcm;
  for (int at = 0; at < format.rateHz / 1000 * ms; ++at)
    for (int channel = 0; channel < format.channels; ++channel)
      pcm.push_back(static_cast<int16_t>(amplitude * std::sin(2 * M_PI * hz * at / format.rateHz)));
  return pcm;
}

std::vector<int16_t> noise(size_t count, int amplitude) {
  std::vector<int16_t> pcm;
  uint32_t random = 1;
  while (pcm.size() < count) {
    random = random * 1'664'525 + 1'013'904'223;
    pcm.push_back(static_cast<int16_t>(static_cast<int>(random >> 16) % (2 * amplitude) - amplitude));
  }
  return pcm;
}

int steepest(const std::vector<int16_t>& pcm, int channels) {
  int most = 0;
  for (size_t at = static_cast<size_t>(channels); at < pcm.size(); ++at)
    most = std::max(most, std::abs(pcm[at] - pcm[at - static_cast<size_t>(channels)]));
  return most;
}

}  // namespace

TEST_SUITE("TimeStretcher") {
  TEST_CASE("takes whole periods out of voices of any pitch and puts them in, without a step") {
    for (const PcmFormat format : {PcmFormat{8'000, 1}, PcmFormat{16'000, 1}, PcmFormat{48'000, 2}})
      for (const double hz : {80.0, 125.0, 210.0, 330.0}) {
        CAPTURE(format.rateHz);
        CAPTURE(hz);
        TimeStretcher stretcher(format);
        const auto original = tone(format, hz, 60);
        const double period = format.rateHz / hz;
        auto pcm = original;
        const size_t removed = stretcher.shorten(pcm, 0, false);
        CHECK(std::abs(static_cast<double>(removed) / period - std::round(static_cast<double>(removed) / period)) * period <= 2);
        CHECK(removed > 0);
        CHECK(pcm.size() == original.size() - removed * static_cast<size_t>(format.channels));
        CHECK(steepest(pcm, format.channels) <= steepest(original, format.channels) * 1.1 + 2);
        pcm = original;
        const size_t inserted = stretcher.lengthen(pcm, 0);
        CHECK(inserted > 0);
        CHECK(pcm.size() == original.size() + inserted * static_cast<size_t>(format.channels));
        CHECK(steepest(pcm, format.channels) <= steepest(original, format.channels) * 1.1 + 2);
      }
  }

  TEST_CASE("leaves noise alone, unless it is too soft to be heard") {
    const PcmFormat format{16'000, 1};
    TimeStretcher stretcher(format);
    auto loud = noise(960, 8'000);
    CHECK(stretcher.shorten(loud, 0, false) == 0);
    CHECK(stretcher.lengthen(loud, 0) == 0);
    CHECK(loud == noise(960, 8'000));
    auto soft = noise(960, 60);
    CHECK(stretcher.shorten(soft, 0, false) > 0);
    std::vector<int16_t> silence(960);
    CHECK(stretcher.lengthen(silence, 0) > 0);
  }

  TEST_CASE("changes nothing that was played, and needs enough to work with") {
    const PcmFormat format{16'000, 1};
    TimeStretcher stretcher(format);
    const auto original = tone(format, 100, 60);
    auto pcm = original;
    const size_t played = 480;
    REQUIRE(stretcher.lengthen(pcm, played) > 0);
    CHECK(std::equal(original.begin(), original.begin() + played, pcm.begin()));
    pcm = original;
    REQUIRE(stretcher.shorten(pcm, played, false) > 0);
    CHECK(std::equal(original.begin(), original.begin() + played, pcm.begin()));
    CHECK(stretcher.shorten(pcm, pcm.size(), false) == 0);
    CHECK(stretcher.lengthen(pcm, pcm.size()) == 0);
    std::vector<int16_t> little(40);
    CHECK(stretcher.shorten(little, 0, false) == 0);
  }
}
