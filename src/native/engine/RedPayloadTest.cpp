#include "RedPayload.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace troupe;

namespace {

/** Four bytes of header for a copy. */
std::vector<uint8_t> copyHeader(uint8_t payloadType, uint32_t offset, size_t length) {
  return {static_cast<uint8_t>(0x80 | payloadType), static_cast<uint8_t>(offset >> 6),
          static_cast<uint8_t>((offset & 0x3f) << 2 | length >> 8), static_cast<uint8_t>(length)};
}

std::vector<uint8_t> joined(std::initializer_list<std::vector<uint8_t>> parts) {
  std::vector<uint8_t> bytes;
  for (const auto& part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

}  // namespace

TEST_SUITE("RedPayload") {
  TEST_CASE("gives the primary block alone when there is no copy") {
    const std::vector<uint8_t> bytes{111, 1, 2, 3};
    RedPayload red;
    REQUIRE(RedPayload::parse(bytes, red));
    CHECK(red.primary().payloadType == 111);
    CHECK(red.primary().data.size() == 3);
    CHECK(red.copies().empty());
  }

  TEST_CASE("gives copies with their offsets, the newest last") {
    const auto bytes = joined({copyHeader(111, 1'920, 2), copyHeader(111, 960, 300), {111}, {7, 8},
                               std::vector<uint8_t>(300, 9), {1}});
    RedPayload red;
    REQUIRE(RedPayload::parse(bytes, red));
    REQUIRE(red.copies().size() == 2);
    CHECK(red.copies()[0].timestampOffset == 1'920);
    CHECK(red.copies()[0].data[1] == 8);
    CHECK(red.copies()[1].timestampOffset == 960);
    CHECK(red.copies()[1].data.size() == 300);
    CHECK(red.primary().data.size() == 1);
    CHECK(red.primary().data[0] == 1);
  }

  TEST_CASE("leaves out copies that are empty or of no other time") {
    const auto bytes = joined({copyHeader(111, 960, 0), copyHeader(111, 0, 1), {111}, {5}, {1}});
    RedPayload red;
    REQUIRE(RedPayload::parse(bytes, red));
    CHECK(red.copies().empty());
    CHECK(red.primary().data[0] == 1);
  }

  TEST_CASE("refuses what is cut off anywhere in its headers or copies") {
    const auto whole = joined({copyHeader(111, 960, 3), {111}, {4, 5, 6}, {1}});
    RedPayload red;
    for (size_t length = 0; length < 8; ++length) CHECK_FALSE(RedPayload::parse(std::span(whole).first(length), red));
    // Nothing is left for the primary block: a packet may say so.
    CHECK(RedPayload::parse(std::span(whole).first(8), red));
    CHECK(red.primary().data.empty());
  }

  TEST_CASE("keeps the newest copies when there are too many") {
    std::vector<uint8_t> bytes;
    for (uint32_t copy = 0; copy < 12; ++copy) {
      const auto header = copyHeader(111, (12 - copy) * 960, 1);
      bytes.insert(bytes.end(), header.begin(), header.end());
    }
    bytes.push_back(111);
    for (uint8_t copy = 0; copy < 12; ++copy) bytes.push_back(copy);
    RedPayload red;
    REQUIRE(RedPayload::parse(bytes, red));
    REQUIRE(red.copies().size() == RedPayload::kMaximumCopies);
    CHECK(red.copies().back().data[0] == 11);
    CHECK(red.copies().front().data[0] == 4);
  }
}
