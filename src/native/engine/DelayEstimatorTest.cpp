#include "DelayEstimator.hpp"

#include <doctest/doctest.h>

#include <cstdlib>


using namespace troupe;

namespace {

constexpr int64_t kMs = 1'000;
constexpr int64_t kFrameUs = 20 * kMs;

/** Numbers from 0 to `below`, the same in every run. */
class Chance {
 public:
  int64_t below(int64_t bound) {
    state_ = state_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    return static_cast<int64_t>((state_ >> 33) % static_cast<uint64_t>(bound));
  }

 private:
  uint64_t state_ = 1;
};

}  // namespace

TEST_SUITE("DelayEstimator") {
  TEST_CASE("knows no spread when packets come evenly, whatever the transit time") {
    DelayEstimator estimator;
    CHECK_FALSE(estimator.hasFastest());
    for (int64_t frame = 0; frame < 500; ++frame) estimator.onPacket(frame * kFrameUs, frame * kFrameUs + 300 * kMs);
    CHECK(estimator.fastestTransitUs() == 300 * kMs);
    CHECK(estimator.spreadUs() == 0);
  }

  TEST_CASE("covers nearly all of what jitters, and not much more") {
    for (const int64_t jitterMs : {30, 60, 100}) {
      DelayEstimator estimator;
      Chance chance;
      for (int64_t frame = 0; frame < 1'500; ++frame)
        estimator.onPacket(frame * kFrameUs, frame * kFrameUs + chance.below(jitterMs * kMs));
      CAPTURE(jitterMs);
      CHECK(estimator.spreadUs() >= jitterMs * kMs * 97 / 100);
      CHECK(estimator.spreadUs() <= jitterMs * kMs + DelayEstimator::kBucketUs);
    }
  }

  TEST_CASE("forgets jitter that is over within a minute") {
    DelayEstimator estimator;
    Chance chance;
    int64_t frame = 0;
    for (; frame < 1'000; ++frame) estimator.onPacket(frame * kFrameUs, frame * kFrameUs + chance.below(100 * kMs));
    for (; frame < 4'000; ++frame) estimator.onPacket(frame * kFrameUs, frame * kFrameUs);
    CHECK(estimator.spreadUs() == 0);
  }

  TEST_CASE("does not take one slow packet for jitter once it knows the stream") {
    DelayEstimator estimator;
    for (int64_t frame = 0; frame < 1'000; ++frame)
      estimator.onPacket(frame * kFrameUs, frame * kFrameUs + (frame == 900 ? 150 * kMs : 0));
    CHECK(estimator.spreadUs() == 0);
  }

  TEST_CASE("follows a sender whose clock drifts, without taking that for jitter") {
    for (const int64_t partsPerMillion : {-200, 200}) {
      DelayEstimator estimator;
      int64_t arrivalUs = 0;
      int64_t frame = 0;
      for (; frame < 50 * 600; ++frame) {
        arrivalUs = frame * kFrameUs + frame * kFrameUs / 1'000'000 * partsPerMillion;
        estimator.onPacket(frame * kFrameUs, arrivalUs + 1'000'000);
      }
      CHECK(estimator.spreadUs() == 0);
      const int64_t present = arrivalUs + 1'000'000 - (frame - 1) * kFrameUs;
      CHECK(std::abs(estimator.fastestTransitUs() - present) <= 1 * kMs);
    }
  }

  TEST_CASE("follows a network path that has become slower within its window") {
    DelayEstimator estimator;
    int64_t frame = 0;
    for (; frame < 500; ++frame) estimator.onPacket(frame * kFrameUs, frame * kFrameUs + 20 * kMs);
    for (; frame < 640; ++frame) estimator.onPacket(frame * kFrameUs, frame * kFrameUs + 90 * kMs);
    CHECK(estimator.fastestTransitUs() == 90 * kMs);
    // That was no jitter.
    CHECK(estimator.spreadUs() == 0);
  }

  TEST_CASE("keeps the spread and forgets the transit time when a new run begins") {
    DelayEstimator estimator;
    Chance chance;
    for (int64_t frame = 0; frame < 500; ++frame)
      estimator.onPacket(frame * kFrameUs, frame * kFrameUs + chance.below(50 * kMs));
    const int64_t spread = estimator.spreadUs();
    estimator.restart();
    CHECK_FALSE(estimator.hasFastest());
    estimator.onPacket(999'000 * kMs, 10'000 * kMs);
    CHECK(estimator.spreadUs() == spread);
    CHECK(estimator.fastestTransitUs() == (10'000 - 999'000) * kMs);
  }
}
