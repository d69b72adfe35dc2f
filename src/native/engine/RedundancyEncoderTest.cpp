#include "RedundancyEncoder.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace troupe;

namespace {

struct ParsedBlock {
  int payloadType;
  uint32_t timestampOffset;
  std::vector<uint8_t> bytes;
  bool operator==(const ParsedBlock&) const = default;
};

/** Takes a packet apart as RFC 2198, section 3 draws it, bit by bit. */
std::vector<ParsedBlock> parse(const std::vector<uint8_t>& packet) {
  std::vector<ParsedBlock> blocks;
  std::vector<size_t> lengths;
  size_t at = 0;
  for (; at < packet.size() && (packet[at] & 0x80) != 0; at += 4) {
    REQUIRE(at + 4 < packet.size());
    const uint32_t offset = static_cast<uint32_t>(packet[at + 1] << 6 | packet[at + 2] >> 2);
    lengths.push_back(static_cast<size_t>((packet[at + 2] & 0x03) << 8 | packet[at + 3]));
    blocks.push_back({packet[at] & 0x7f, offset, {}});
  }
  REQUIRE(at < packet.size());
  blocks.push_back({packet[at++] & 0x7f, 0, {}});
  for (size_t block = 0; block < lengths.size(); ++block) {
    REQUIRE(at + lengths[block] <= packet.size());
    blocks[block].bytes.assign(packet.begin() + static_cast<long>(at), packet.begin() + static_cast<long>(at + lengths[block]));
    at += lengths[block];
  }
  blocks.back().bytes.assign(packet.begin() + static_cast<long>(at), packet.end());
  return blocks;
}

std::vector<uint8_t> encode(RedundancyEncoder& encoder, uint32_t timestamp, const std::vector<uint8_t>& payload,
                            size_t room = 1'100) {
  std::vector<uint8_t> out(room);
  out.resize(encoder.encode(timestamp, payload, out));
  return out;
}

}  // namespace

TEST_SUITE("RedundancyEncoder") {
  TEST_CASE("sends each payload again with the next two, oldest first") {
    RedundancyEncoder encoder(111, 2);
    const std::vector<uint8_t> a{1, 2, 3}, b(300, 4), c{5};
    CHECK(parse(encode(encoder, 0, a)) == std::vector<ParsedBlock>{{111, 0, a}});
    CHECK(parse(encode(encoder, 960, b)) == std::vector<ParsedBlock>{{111, 960, a}, {111, 0, b}});
    CHECK(parse(encode(encoder, 1'920, c)) == std::vector<ParsedBlock>{{111, 1'920, a}, {111, 960, b}, {111, 0, c}});
    CHECK(parse(encode(encoder, 2'880, a)) == std::vector<ParsedBlock>{{111, 1'920, b}, {111, 960, c}, {111, 0, a}});
  }

  TEST_CASE("is the very bytes that RFC 2198 has for a header") {
    RedundancyEncoder encoder(111, 1);
    encode(encoder, 0xffff'ff00, {0xaa});
    // 1, block payload type 111; fourteen bits of 960, ten bits of 1; 0, payload type 111.
    CHECK(encode(encoder, 0xffff'ff00 + 960, {0xbb}) ==
          std::vector<uint8_t>{0xef, 0x0f, 0x00, 0x01, 0x6f, 0xaa, 0xbb});
  }

  TEST_CASE("leaves out what does not fit, the oldest first") {
    RedundancyEncoder encoder(111, 2);
    encode(encoder, 0, std::vector<uint8_t>(500, 1));
    encode(encoder, 960, std::vector<uint8_t>(400, 2));
    const auto blocks = parse(encode(encoder, 1'920, std::vector<uint8_t>(300, 3), 800));
    REQUIRE(blocks.size() == 2);
    CHECK(blocks[0].bytes == std::vector<uint8_t>(400, 2));
    CHECK(parse(encode(encoder, 2'880, std::vector<uint8_t>(799, 4), 800)).size() == 1);
    CHECK(encode(encoder, 3'840, std::vector<uint8_t>(800, 5), 800).empty());
  }

  TEST_CASE("leaves out what its header cannot name: too old, or too long") {
    RedundancyEncoder encoder(111, 2);
    encode(encoder, 0, {1});
    CHECK(parse(encode(encoder, 16'384, {2})).size() == 1);
    CHECK(parse(encode(encoder, 16'384 + 16'383, {3})).size() == 2);
    encode(encoder, 40'000, std::vector<uint8_t>(1'024, 4), 1'400);
    CHECK(parse(encode(encoder, 40'960, {5}, 1'400)).size() == 1);
  }

  TEST_CASE("carries nothing extra at distance 0") {
    RedundancyEncoder encoder(111, 0);
    encode(encoder, 0, {1});
    CHECK(parse(encode(encoder, 960, {2})).size() == 1);
  }
}
