#include "LayerSelector.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using Verdict = LayerSelector::Verdict;

namespace {
constexpr int64_t kMs = 1'000;
}

TEST_SUITE("LayerSelector") {
  TEST_CASE("goes up at the key frame of each better layer until it has what was requested") {
    LayerSelector selector;
    selector.request("r1");
    CHECK(selector.onPacket("r0", false, 0) == Verdict::needsKeyFrame);
    CHECK(selector.current().empty());
    CHECK(selector.onPacket("r0", true, 10 * kMs) == Verdict::forward);
    CHECK(selector.onPacket("r1", false, 20 * kMs) == Verdict::needsKeyFrame);
    CHECK(selector.onPacket("r0", false, 30 * kMs) == Verdict::forward);
    CHECK(selector.onPacket("r1", true, 40 * kMs) == Verdict::forward);
    CHECK(selector.onPacket("r2", true, 50 * kMs) == Verdict::skip);
    CHECK(selector.onPacket("r0", true, 60 * kMs) == Verdict::skip);
    CHECK(selector.current() == "r1");
  }

  TEST_CASE("goes down when asked, and when the layer falls silent") {
    LayerSelector selector;
    selector.request("r2");
    CHECK(selector.onPacket("r2", true, 0) == Verdict::forward);
    selector.request("r0");
    CHECK(selector.onPacket("r2", false, 10 * kMs) == Verdict::forward);
    CHECK(selector.onPacket("r0", true, 20 * kMs) == Verdict::forward);
    CHECK(selector.onPacket("r2", true, 30 * kMs) == Verdict::skip);
    selector.request("r2");
    CHECK(selector.onPacket("r2", true, 40 * kMs) == Verdict::forward);
    CHECK(selector.onPacket("r1", true, 2'000 * kMs) == Verdict::skip);
    CHECK(selector.onPacket("r1", false, 3'100 * kMs) == Verdict::needsKeyFrame);
    CHECK(selector.onPacket("r1", true, 3'110 * kMs) == Verdict::forward);
  }

  TEST_CASE("takes the lowest layer where none is as low as requested, and none where none is wanted") {
    LayerSelector selector;
    selector.request("r0");
    CHECK(selector.onPacket("r1", true, 0) == Verdict::forward);
    selector.request("none");
    CHECK(selector.onPacket("r1", true, 10 * kMs) == Verdict::skip);
    selector.request("r1");
    CHECK(selector.onPacket("r1", false, 20 * kMs) == Verdict::needsKeyFrame);
  }

  TEST_CASE("remembers no more layers than it has room for") {
    LayerSelector selector;
    selector.request("r9");
    for (const char* rid : {"a", "b", "c", "d"}) selector.onPacket(rid, true, 0);
    CHECK(selector.onPacket("r9", true, 0) == Verdict::skip);
    CHECK(selector.onPacket("a rid that is far too long", true, 0) == Verdict::skip);
  }

  TEST_CASE("gives the place of a layer that comes no more to a new one") {
    LayerSelector selector;
    selector.request("r9");
    for (const char* rid : {"a", "b", "c", "d"}) selector.onPacket(rid, true, 0);
    for (const char* rid : {"a", "b", "c"}) selector.onPacket(rid, true, 2'000 * kMs);
    CHECK(selector.onPacket("r9", true, 2'999 * kMs) == Verdict::skip);
    CHECK(selector.onPacket("r9", true, 3'000 * kMs) == Verdict::forward);
    CHECK(selector.current() == "r9");
  }
}
