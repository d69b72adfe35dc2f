#include "PcmRing.hpp"

#include <doctest/doctest.h>

#include <numeric>

using troupe::PcmRing;

namespace {

std::vector<int16_t> ramp(size_t count, int16_t first = 0) {
  std::vector<int16_t> samples(count);
  std::iota(samples.begin(), samples.end(), first);
  return samples;
}

std::vector<int16_t> readOut(PcmRing& ring, size_t count, size_t* real = nullptr) {
  std::vector<int16_t> out(count, -1);
  std::vector<uint32_t> reached;
  const size_t given = ring.read(out, reached);
  if (real != nullptr) *real = given;
  return out;
}

}  // namespace

TEST_SUITE("PcmRing") {
  TEST_CASE("gives back what was written, across its end") {
    PcmRing ring(100, 1);
    for (int16_t round = 0; round < 7; ++round) {
      CHECK(ring.write(ramp(60, static_cast<int16_t>(round * 60))) == 60);
      CHECK(readOut(ring, 60) == ramp(60, static_cast<int16_t>(round * 60)));
    }
    CHECK(ring.queuedSamplesPerChannel() == 0);
  }

  TEST_CASE("takes what has room and no more") {
    PcmRing ring(100, 1);
    CHECK(ring.write(ramp(80)) == 80);
    CHECK(ring.write(ramp(80)) == 20);
    CHECK(ring.write(ramp(80)) == 0);
    CHECK(ring.queuedSamplesPerChannel() == 100);
  }

  TEST_CASE("pads a short read with silence and says how much was real") {
    PcmRing ring(100, 1);
    ring.write(std::vector<int16_t>{5, 6});
    size_t real = 0;
    CHECK(readOut(ring, 4, &real) == std::vector<int16_t>{5, 6, 0, 0});
    CHECK(real == 2);
  }

  TEST_CASE("never splits the samples of two channels") {
    PcmRing ring(3, 2);
    CHECK(ring.write(ramp(5)) == 2);
    CHECK(ring.write(ramp(6)) == 1);
    CHECK(readOut(ring, 6) == std::vector<int16_t>{0, 1, 2, 3, 0, 1});
  }

  TEST_CASE("tells a mark when playout has reached it, and not before") {
    PcmRing ring(100, 1);
    ring.write(ramp(30));
    CHECK(ring.mark(1));
    ring.write(ramp(10));
    CHECK(ring.mark(2));
    std::vector<int16_t> out(20);
    std::vector<uint32_t> reached;
    ring.read(out, reached);
    CHECK(reached.empty());
    ring.read(out, reached);
    CHECK(reached == std::vector<uint32_t>{1, 2});
  }

  TEST_CASE("clear drops everything and hands out the marks") {
    PcmRing ring(100, 2);
    ring.write(ramp(40));
    ring.mark(9);
    std::vector<uint32_t> cleared;
    CHECK(ring.clear(cleared) == 20);
    CHECK(cleared == std::vector<uint32_t>{9});
    CHECK(ring.queuedSamplesPerChannel() == 0);
    CHECK(ring.write(ramp(200)) == 100);
  }

  TEST_CASE("bounds its marks") {
    PcmRing ring(10, 1);
    for (uint32_t id = 0; id < PcmRing::kMaximumMarks; ++id) REQUIRE(ring.mark(id));
    CHECK_FALSE(ring.mark(0));
  }
}
