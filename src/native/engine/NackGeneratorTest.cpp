#include "NackGenerator.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

using namespace troupe;

namespace {
constexpr int64_t kMs = 1'000;

std::vector<uint16_t> collect(NackGenerator& nack, int64_t nowUs, int64_t roundTripUs = 50 * kMs, size_t room = 64) {
  std::array<uint16_t, 64> requests;
  const size_t count = nack.collect(nowUs, roundTripUs, std::span<uint16_t>(requests).first(room));
  return {requests.begin(), requests.begin() + count};
}
using Numbers = std::vector<uint16_t>;
}  // namespace

TEST_CASE("NackGenerator asks for what is missing, over the wrap, after a moment for reordering") {
  NackGenerator nack;
  nack.onPacket(65'534, 0);
  nack.onPacket(2, 20 * kMs);
  CHECK(collect(nack, 21 * kMs).empty());
  CHECK(collect(nack, 25 * kMs) == Numbers{65'535, 0, 1});
  CHECK(nack.requested() == 3);
}

TEST_CASE("NackGenerator does not ask for what came out of order") {
  NackGenerator nack;
  nack.onPacket(1, 0);
  nack.onPacket(3, 1 * kMs);
  nack.onPacket(2, 2 * kMs);
  CHECK(collect(nack, 100 * kMs).empty());
  CHECK(nack.recovered() == 1);
  CHECK(nack.missing() == 0);
}

TEST_CASE("NackGenerator asks again after a round trip and gives up after some requests") {
  NackGenerator nack(10'000 * kMs);
  nack.onPacket(1, 0);
  nack.onPacket(3, 0);
  int64_t now = 5 * kMs;
  for (int i = 0; i < NackGenerator::kMaximumRequests; ++i) {
    CHECK(collect(nack, now) == Numbers{2});
    CHECK(collect(nack, now + 49 * kMs).empty());
    now += 50 * kMs;
  }
  CHECK(collect(nack, now).empty());
  CHECK(nack.missing() == 0);
  CHECK(nack.givenUp() == 1);
}

TEST_CASE("NackGenerator gives up what is too old to be of use") {
  NackGenerator nack(100 * kMs);
  nack.onPacket(1, 0);
  nack.onPacket(3, 0);
  CHECK(collect(nack, 101 * kMs).empty());
  CHECK(nack.givenUp() == 1);
}

TEST_CASE("NackGenerator stays bounded and keeps the newest") {
  NackGenerator nack;
  nack.onPacket(0, 0);
  nack.onPacket(101, 0);
  nack.onPacket(202, 0);
  CHECK(nack.missing() == NackGenerator::kMaximumMissing);
  CHECK(nack.givenUp() == 200 - NackGenerator::kMaximumMissing);
  CHECK(collect(nack, 10 * kMs, 0, 2) == Numbers{73, 74});
  CHECK(collect(nack, 10 * kMs, 0, 2) == Numbers{75, 76});
}

TEST_CASE("NackGenerator takes a large jump for a restart") {
  NackGenerator nack;
  nack.onPacket(1, 0);
  nack.onPacket(1'000, 0);
  CHECK(nack.missing() == 0);
  nack.onPacket(50'000, 0);
  nack.onPacket(50'002, 0);
  CHECK(collect(nack, 10 * kMs) == Numbers{50'001});
}
