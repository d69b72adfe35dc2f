#include "HeldPackets.hpp"

#include <doctest/doctest.h>

using troupe::HeldPackets;

TEST_SUITE("HeldPackets") {
  TEST_CASE("holds a few packets and refuses more, and what is too large") {
    HeldPackets held;
    const std::vector<uint8_t> packet(100);
    for (size_t at = 0; at < HeldPackets::kMaximumPackets; ++at) REQUIRE(held.hold(1, packet, 0));
    CHECK_FALSE(held.hold(1, packet, 0));
    HeldPackets other;
    CHECK_FALSE(other.hold(1, std::vector<uint8_t>(HeldPackets::kMaximumPacketBytes + 1), 0));
  }

  TEST_CASE("lets them go after their time") {
    HeldPackets held;
    held.hold(1, std::vector<uint8_t>(10), 0);
    held.hold(1, std::vector<uint8_t>(10), 400'000);
    CHECK(held.expire(HeldPackets::kMaximumAgeUs) == 0);
    CHECK(held.expire(HeldPackets::kMaximumAgeUs + 1) == 1);
    CHECK(held.takeAll().size() == 1);
    CHECK(held.empty());
  }

  TEST_CASE("asks about an SSRC once, until somebody new might know") {
    HeldPackets held;
    CHECK(held.ask(1));
    CHECK_FALSE(held.ask(1));
    CHECK(held.ask(2));
    held.takeAll();
    CHECK(held.ask(1));
  }

  TEST_CASE("does not grow with SSRCs that come and go") {
    HeldPackets held;
    for (uint32_t ssrc = 0; ssrc < 1'000; ++ssrc) CHECK(held.ask(ssrc));
    CHECK(held.ask(0));
    CHECK_FALSE(held.ask(999));
  }
}
