#include "AudioProcessor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <stdexcept>
#include <vector>

using namespace troupe;

namespace {

constexpr int kRateHz = 16'000;
constexpr size_t kFrame = 160;

double rms(std::span<const int16_t> pcm) {
  double sum = 0;
  for (const int16_t sample : pcm) sum += static_cast<double>(sample) * sample;
  return std::sqrt(sum / static_cast<double>(pcm.size()));
}

std::vector<int16_t> noise(size_t length, double amplitude, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, amplitude);
  std::vector<int16_t> pcm(length);
  for (auto& sample : pcm) sample = static_cast<int16_t>(std::clamp(normal(random), -32'000.0, 32'000.0));
  return pcm;
}

std::vector<int16_t> tone(size_t length, double hertz, double amplitude) {
  std::vector<int16_t> pcm(length);
  for (size_t at = 0; at < length; ++at)
    pcm[at] = static_cast<int16_t>(amplitude * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(at) / kRateHz));
  return pcm;
}

void process(AudioProcessor& processor, std::vector<int16_t>& pcm) {
  for (size_t at = 0; at + kFrame <= pcm.size(); at += kFrame)
    processor.processStream(std::span(pcm).subspan(at, kFrame), kRateHz, 1);
}

std::span<const int16_t> lastSecond(const std::vector<int16_t>& pcm) { return std::span(pcm).last(kRateHz); }

}  // namespace

TEST_SUITE("AudioProcessor") {
  TEST_CASE("changes nothing that matters when everything is off") {
    AudioProcessor processor({});
    auto pcm = tone(kRateHz, 440, 8'000);
    const auto before = pcm;
    process(processor, pcm);
    for (size_t at = 0; at < pcm.size(); ++at) REQUIRE(std::abs(pcm[at] - before[at]) <= 1);
  }

  TEST_CASE("suppresses steady noise") {
    AudioProcessor processor({.noiseSuppression = true});
    auto pcm = noise(5 * kRateHz, 500, 1);
    process(processor, pcm);
    CHECK(rms(lastSecond(pcm)) < 100);
  }

  TEST_CASE("cuts rumble and leaves speech bands") {
    AudioProcessor processor({.highPassFilter = true});
    auto rumble = tone(2 * kRateHz, 30, 8'000);
    process(processor, rumble);
    CHECK(rms(lastSecond(rumble)) < 2'000);
    auto voice = tone(2 * kRateHz, 1'000, 8'000);
    process(processor, voice);
    CHECK(rms(lastSecond(voice)) > 5'000);
  }

  TEST_CASE("raises what is quiet") {
    AudioProcessor processor({.gainControl = true});
    // Bursts, as speech has them: the level of an even tone counts as noise.
    auto pcm = tone(20 * kRateHz, 300, 700);
    for (size_t at = 0; at < pcm.size(); ++at)
      if (at / (kRateHz / 4) % 2 == 1) pcm[at] = 0;
    const double before = rms(lastSecond(pcm));
    process(processor, pcm);
    CHECK(rms(lastSecond(pcm)) > 1.5 * before);
  }

  TEST_CASE("takes the echo of what was played out of what was heard") {
    AudioProcessor processor({.echoCancellation = true});
    constexpr size_t kDelay = kRateHz * 40 / 1000;
    processor.setStreamDelayMs(40);
    const auto played = noise(10 * kRateHz, 3'000, 2);
    std::vector<int16_t> heard(played.size());
    for (size_t at = kDelay; at < heard.size(); ++at) heard[at] = static_cast<int16_t>(played[at - kDelay] / 2);
    const double before = rms(lastSecond(heard));
    for (size_t at = 0; at + kFrame <= heard.size(); at += kFrame) {
      std::vector<int16_t> far(played.begin() + static_cast<ptrdiff_t>(at), played.begin() + static_cast<ptrdiff_t>(at + kFrame));
      processor.processReverseStream(far, kRateHz, 1);
      processor.processStream(std::span(heard).subspan(at, kFrame), kRateHz, 1);
    }
    // 18 dB; 1.3 of the library comes to 19.7.
    CHECK(rms(lastSecond(heard)) < before / 8);
  }

  TEST_CASE("takes every rate of ours, in stereo too, and only whole frames of 10 ms") {
    AudioProcessor processor({.noiseSuppression = true, .highPassFilter = true});
    for (const int rateHz : {8'000, 12'000, 16'000, 24'000, 32'000, 44'100, 48'000}) {
      for (const int channels : {1, 2}) {
        std::vector<int16_t> pcm(static_cast<size_t>(rateHz / 100 * channels), 100);
        processor.processStream(pcm, rateHz, channels);
        processor.processReverseStream(pcm, rateHz, channels);
      }
    }
    std::vector<int16_t> pcm(320);
    CHECK_THROWS_AS(processor.processStream(pcm, kRateHz, 1), std::invalid_argument);
    CHECK_THROWS_AS(processor.processStream(std::span(pcm).first(159), kRateHz, 1), std::invalid_argument);
    CHECK_THROWS_AS(processor.processReverseStream(pcm, 22'050, 1), std::invalid_argument);
  }
}
