#include "PcmRing.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

using troupe::PcmRing;

namespace {

std::vector<int16_t> ramp(size_t count, int16_t first = 0) {
  std::vector<int16_t> samples(count);
  std::iota(samples.begin(), samples.end(), first);
  return samples;
}

constexpr int kRateHz = 8'000;

std::vector<int16_t> readOut(PcmRing& ring, size_t count, size_t* real = nullptr, int64_t nowUs = 0) {
  std::vector<int16_t> out(count, -1);
  std::vector<uint32_t> reached;
  const size_t given = ring.read(out, nowUs, reached);
  if (real != nullptr) *real = given;
  return out;
}

}  // namespace

TEST_SUITE("PcmRing") {
  TEST_CASE("gives back what was written, across its end") {
    PcmRing ring(100, {kRateHz, 1});
    for (int16_t round = 0; round < 7; ++round) {
      CHECK(ring.write(ramp(60, static_cast<int16_t>(round * 60))) == 60);
      CHECK(readOut(ring, 60) == ramp(60, static_cast<int16_t>(round * 60)));
    }
    CHECK(ring.queuedSamplesPerChannel() == 0);
  }

  TEST_CASE("takes what has room and no more") {
    PcmRing ring(100, {kRateHz, 1});
    CHECK(ring.write(ramp(80)) == 80);
    CHECK(ring.write(ramp(80)) == 20);
    CHECK(ring.write(ramp(80)) == 0);
    CHECK(ring.queuedSamplesPerChannel() == 100);
  }

  TEST_CASE("pads a short read with silence and says how much was real") {
    PcmRing ring(100, {kRateHz, 1});
    ring.write(std::vector<int16_t>{5, 6});
    size_t real = 0;
    CHECK(readOut(ring, 4, &real) == std::vector<int16_t>{5, 6, 0, 0});
    CHECK(real == 2);
  }

  TEST_CASE("never splits the samples of two channels") {
    PcmRing ring(3, {kRateHz, 2});
    CHECK(ring.write(ramp(5)) == 2);
    CHECK(ring.write(ramp(6)) == 1);
    CHECK(readOut(ring, 6) == std::vector<int16_t>{0, 1, 2, 3, 0, 1});
  }

  TEST_CASE("tells a mark when playout has reached it, and not before") {
    PcmRing ring(100, {kRateHz, 1});
    ring.write(ramp(30));
    CHECK(ring.mark(1));
    ring.write(ramp(10));
    CHECK(ring.mark(2));
    std::vector<int16_t> out(20);
    std::vector<uint32_t> reached;
    ring.read(out, 0, reached);
    CHECK(reached.empty());
    ring.read(out, 0, reached);
    CHECK(reached == std::vector<uint32_t>{1, 2});
  }

  TEST_CASE("clear drops everything and hands out the marks") {
    PcmRing ring(100, {kRateHz, 2});
    ring.write(ramp(40));
    ring.mark(9);
    std::vector<uint32_t> cleared;
    CHECK(ring.clear(cleared, 4) == 20);
    CHECK(cleared == std::vector<uint32_t>{9});
    CHECK(ring.queuedSamplesPerChannel() == 0);
    CHECK(ring.write(ramp(200)) == 100);
  }

  TEST_CASE("fades out what is cleared while it is read, and counts that no more") {
    PcmRing ring(100, {kRateHz, 2});
    ring.write(std::vector<int16_t>(60, 1'000));
    readOut(ring, 20);
    std::vector<uint32_t> cleared;
    CHECK(ring.clear(cleared, 4) == 20);
    CHECK(ring.queuedSamplesPerChannel() == 0);
    ring.write(std::vector<int16_t>{7, 7});
    CHECK(ring.queuedSamplesPerChannel() == 1);
    size_t real = 0;
    CHECK(readOut(ring, 12, &real) == std::vector<int16_t>{800, 800, 600, 600, 400, 400, 200, 200, 7, 7, 0, 0});
    CHECK(real == 5);
  }

  TEST_CASE("is cleared for good by a second clear, and fades out but once") {
    PcmRing ring(100, {kRateHz, 1});
    ring.write(std::vector<int16_t>(60, 1'000));
    readOut(ring, 20);
    std::vector<uint32_t> cleared;
    CHECK(ring.clear(cleared, 4) == 40);
    ring.write(std::vector<int16_t>(30, 5));
    CHECK(ring.clear(cleared, 4) == 30);
    CHECK(readOut(ring, 6) == std::vector<int16_t>{800, 600, 400, 200, 0, 0});
    CHECK(ring.clear(cleared, 4) == 0);
    CHECK(readOut(ring, 2) == std::vector<int16_t>{0, 0});
  }

  TEST_CASE("does not fade what nobody has heard yet") {
    PcmRing ring(100, {kRateHz, 1});
    ring.write(std::vector<int16_t>(60, 1'000));
    std::vector<uint32_t> cleared;
    ring.clear(cleared, 4);
    CHECK(readOut(ring, 2) == std::vector<int16_t>{0, 0});
  }

  TEST_CASE("holds back what is not due, to the sample, and never what is late") {
    PcmRing ring(100, {kRateHz, 1});
    CHECK(ring.write(std::vector<int16_t>{1}) == 1);
    // Two samples of 125 us after the first one.
    CHECK(ring.write(std::vector<int16_t>{2, 3}, 10'375) == 2);
    CHECK(ring.write(std::vector<int16_t>{4}, 20'000) == 1);
    CHECK(ring.write(std::vector<int16_t>{5}, 0) == 1);
    size_t real = 0;
    CHECK(readOut(ring, 6, &real, 10'000) == std::vector<int16_t>{1, 0, 0, 2, 3, 0});
    CHECK(real == 3);
    CHECK(readOut(ring, 2, &real, 19'750) == std::vector<int16_t>{0, 0});
    CHECK(real == 0);
    CHECK(readOut(ring, 2, &real, 20'000) == std::vector<int16_t>{4, 5});
  }

  TEST_CASE("forgets what is not due when it is cleared, without a sound") {
    PcmRing ring(100, {kRateHz, 1});
    ring.write(std::vector<int16_t>{1, 1});
    readOut(ring, 2);
    ring.write(std::vector<int16_t>(10, 1'000), 60'000'000);
    std::vector<uint32_t> cleared;
    CHECK(ring.clear(cleared, 4) == 10);
    ring.write(std::vector<int16_t>{9});
    CHECK(readOut(ring, 2) == std::vector<int16_t>{9, 0});
  }

  TEST_CASE("bounds its cues") {
    PcmRing ring(10'000, {kRateHz, 1});
    for (size_t cue = 0; cue < PcmRing::kMaximumCues; ++cue) REQUIRE(ring.write(ramp(1), 1) == 1);
    CHECK(ring.write(ramp(1), 1) == 0);
    CHECK(ring.write(ramp(1)) == 1);
  }

  TEST_CASE("bounds its marks") {
    PcmRing ring(10, {kRateHz, 1});
    for (uint32_t id = 0; id < PcmRing::kMaximumMarks; ++id) REQUIRE(ring.mark(id));
    CHECK_FALSE(ring.mark(0));
  }
}
