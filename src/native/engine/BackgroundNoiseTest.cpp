#include "BackgroundNoise.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "AudioLevelMeter.hpp"

using namespace troupe;

namespace {

constexpr int kRateHz = 8'000;
constexpr size_t kBlock = 160;

/** Noise as of a fan: white noise, of which each sample keeps a share of the one before it. */
class Fan {
 public:
  Fan(double amplitude, double kept) : amplitude_(amplitude), kept_(kept) {}

  std::vector<int16_t> next(double voice = 0) {
    std::vector<int16_t> pcm(kBlock);
    for (int16_t& sample : pcm) {
      state_ = state_ * 1'103'515'245 + 12'345;
      last_ = kept_ * last_ + amplitude_ * (static_cast<double>(state_ >> 8) / (1 << 23) - 1);
      sample = static_cast<int16_t>(last_ + voice * std::sin(2 * M_PI * 200 * at_++ / kRateHz));
    }
    return pcm;
  }

 private:
  const double amplitude_;
  const double kept_;
  double last_ = 0;
  double at_ = 0;
  uint32_t state_ = 7;
};

std::vector<int16_t> made(BackgroundNoise& noise, size_t samples) {
  std::vector<int16_t> pcm(samples);
  for (int16_t& sample : pcm) sample = static_cast<int16_t>(noise.next());
  return pcm;
}

double levelOf(const std::vector<int16_t>& pcm) {
  AudioLevelMeter meter;
  meter.add(pcm);
  return meter.take().rmsDbov;
}

/** How alike neighbouring samples are: 0 for white noise, near 1 for a rumble. */
double likeness(const std::vector<int16_t>& pcm) {
  double own = 0;
  double next = 0;
  for (size_t at = 1; at < pcm.size(); ++at) {
    own += double{static_cast<double>(pcm[at])} * pcm[at];
    next += double{static_cast<double>(pcm[at])} * pcm[at - 1];
  }
  return next / own;
}

}  // namespace

TEST_SUITE("BackgroundNoise") {
  TEST_CASE("is silent before it has heard anything, and behind a voice without noise") {
    BackgroundNoise noise;
    CHECK(levelOf(made(noise, 800)) == -127);
    for (int block = 0; block < 50; ++block) noise.learn(std::vector<int16_t>(kBlock, 0));
    CHECK(levelOf(made(noise, 800)) == -127);
  }

  TEST_CASE("sounds as loud and as dark as what it heard in the pauses of a voice") {
    for (const double kept : {0.0, 0.9, -0.7}) {
      CAPTURE(kept);
      Fan fan(100, kept);
      BackgroundNoise noise;
      std::vector<int16_t> pauses;
      for (int block = 0; block < 400; ++block) {
        const bool speaks = block % 50 >= 15;
        const auto pcm = fan.next(speaks ? 8'000 : 0);
        if (!speaks) pauses.insert(pauses.end(), pcm.begin(), pcm.end());
        noise.learn(pcm);
      }
      const auto heard = made(noise, 8'000);
      CHECK(levelOf(heard) == doctest::Approx(levelOf(pauses)).epsilon(0.03));
      CHECK(std::abs(likeness(heard) - likeness(pauses)) < 0.1);
    }
  }

  TEST_CASE("follows noise that becomes softer at once, and louder after a while") {
    Fan loud(800, 0);
    Fan soft(40, 0);
    BackgroundNoise noise;
    for (int block = 0; block < 100; ++block) noise.learn(loud.next());
    const double loudly = levelOf(made(noise, 8'000));
    noise.learn(soft.next());
    CHECK(levelOf(made(noise, 8'000)) == doctest::Approx(loudly - 26).epsilon(0.03));
    // 26 dB are almost nine doublings.
    for (int block = 0; block < 9 * 200; ++block) noise.learn(loud.next());
    CHECK(levelOf(made(noise, 8'000)) == doctest::Approx(loudly).epsilon(0.03));
  }

  TEST_CASE("takes neither a tone nor anything loud for noise") {
    BackgroundNoise noise;
    Fan none(0, 0);
    for (int block = 0; block < 500; ++block) noise.learn(none.next(8'000));
    CHECK(levelOf(made(noise, 800)) == -127);
    BackgroundNoise storm;
    Fan gale(20'000, 0);
    for (int block = 0; block < 500; ++block) storm.learn(gale.next());
    CHECK(levelOf(made(storm, 8'000)) == doctest::Approx(BackgroundNoise::kLoudestDbov).epsilon(0.02));
  }
}
