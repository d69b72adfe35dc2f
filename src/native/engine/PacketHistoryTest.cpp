#include "PacketHistory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace troupe;

namespace {
constexpr int64_t kMs = 1'000;

std::vector<uint8_t> packet(uint16_t number, size_t size) {
  return std::vector<uint8_t>(size, static_cast<uint8_t>(number));
}

/** Each question comes a second after the one before, so that resending is never too soon. */
bool holds(PacketHistory& history, uint16_t number, size_t size) {
  static int64_t nowUs = 0;
  nowUs += 1'000 * kMs;
  const auto found = history.take(number, nowUs, 0);
  const auto expected = packet(number, size);
  return std::equal(found.begin(), found.end(), expected.begin(), expected.end());
}
}  // namespace

TEST_CASE("PacketHistory gives back what was stored") {
  PacketHistory history(4, 1'000);
  CHECK(history.store(7, packet(7, 100), 0));
  CHECK(holds(history, 7, 100));
  CHECK(history.take(8, 0, 0).empty());
}

TEST_CASE("PacketHistory is bounded by count") {
  PacketHistory history(3, 1'000);
  for (uint16_t i = 0; i < 10; ++i) history.store(i, packet(i, 10), 0);
  CHECK(history.packets() == 3);
  CHECK(history.take(6, 0, 0).empty());
  CHECK(holds(history, 7, 10));
  CHECK(holds(history, 9, 10));
}

TEST_CASE("PacketHistory is bounded by bytes and never mixes packets up") {
  PacketHistory history(100, 250);
  for (uint16_t i = 0; i < 500; ++i) {
    const size_t size = 1 + (i * 37) % 120;
    REQUIRE(history.store(i, packet(i, size), 0));
    CHECK(history.bytes() <= 250);
    const uint16_t oldest = static_cast<uint16_t>(i + 1 - history.packets());
    for (uint16_t j = oldest; j <= i; ++j) CHECK(holds(history, j, 1 + (j * 37) % 120));
  }
}

TEST_CASE("PacketHistory refuses a packet larger than itself and an empty one") {
  PacketHistory history(4, 50);
  CHECK_FALSE(history.store(1, packet(1, 51), 0));
  CHECK_FALSE(history.store(1, {}, 0));
  CHECK(history.store(2, packet(2, 50), 0));
  CHECK(holds(history, 2, 50));
}

TEST_CASE("PacketHistory sends again at most once a round trip") {
  PacketHistory history;
  history.store(1, packet(1, 10), 0);
  CHECK_FALSE(history.take(1, 5 * kMs, 100 * kMs).empty());
  CHECK(history.take(1, 104 * kMs, 100 * kMs).empty());
  CHECK_FALSE(history.take(1, 105 * kMs, 100 * kMs).empty());
  CHECK(history.take(1, 105 * kMs + PacketHistory::kMinimumResendUs - 1, 0).empty());
}

TEST_CASE("PacketHistory takes the newer of two packets with one number, and forgets on clear") {
  PacketHistory history;
  history.store(1, packet(1, 10), 0);
  history.store(1, packet(1, 20), 0);
  CHECK(history.take(1, 0, 0).size() == 20);
  history.clear();
  CHECK(history.packets() == 0);
  CHECK(history.take(1, 0, 0).empty());
}
