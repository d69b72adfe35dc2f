#include "G711Encoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

using namespace troupe;

TEST_SUITE("G711Encoder") {
  TEST_CASE("gives the values of ITU-T G.711, of 16 bits") {
    CHECK(g711::encodeMuLaw(0) == 0xff);
    CHECK(g711::encodeMuLaw(-1) == 0x7f);
    CHECK(g711::encodeMuLaw(32'767) == 0x80);
    CHECK(g711::encodeMuLaw(-32'768) == 0x00);
    CHECK(g711::encodeMuLaw(1'000) == 0xce);
    CHECK(g711::encodeMuLaw(-1'000) == 0x4e);
    CHECK(g711::encodeALaw(0) == 0xd5);
    CHECK(g711::encodeALaw(-1) == 0x55);
    CHECK(g711::encodeALaw(32'767) == 0xaa);
    CHECK(g711::encodeALaw(-32'768) == 0x2a);
    CHECK(g711::encodeALaw(1'000) == 0xfa);
    CHECK(g711::encodeALaw(-1'000) == 0x7a);
    CHECK(g711::decodeMuLaw(0x00) == -32'124);
    CHECK(g711::decodeMuLaw(0x80) == 32'124);
    CHECK(g711::decodeMuLaw(0xff) == 0);
    CHECK(g711::decodeALaw(0x2a) == -32'256);
    CHECK(g711::decodeALaw(0xaa) == 32'256);
    CHECK(g711::decodeALaw(0xd5) == 8);
  }

  TEST_CASE("decodes to what encodes to the same byte, except for the two zeros of mu-law") {
    for (int byte = 0; byte < 256; ++byte) {
      CAPTURE(byte);
      const auto code = static_cast<uint8_t>(byte);
      if (code != 0x7f) CHECK(g711::encodeMuLaw(g711::decodeMuLaw(code)) == code);
      CHECK(g711::encodeALaw(g711::decodeALaw(code)) == code);
    }
  }

  TEST_CASE("is never further off than half a step of its segment") {
    for (int sample = -32'768; sample <= 32'767; ++sample) {
      const auto value = static_cast<int16_t>(sample);
      const int tolerance = std::max(8, (std::abs(sample) + g711::kMuLawBias) / 32);
      // The loudest of mu-law are clipped.
      const int clipped = std::clamp(sample, -g711::kMuLawMaximum, g711::kMuLawMaximum);
      REQUIRE(std::abs(g711::decodeMuLaw(g711::encodeMuLaw(value)) - clipped) <= tolerance);
      REQUIRE(std::abs(g711::decodeALaw(g711::encodeALaw(value)) - sample) <= tolerance);
    }
  }

  TEST_CASE("makes one byte a sample, and another encoder only for another length or law") {
    G711Encoder encoder(G711Law::a, 20);
    std::array<uint8_t, 160> bytes;
    CHECK(encoder.format() == PcmFormat{8'000, 1});
    CHECK(encoder.encode(std::vector<int16_t>(160, -1), bytes) == 160);
    CHECK(bytes[159] == 0x55);
    CHECK(encoder.encode(std::vector<int16_t>(161, 0), bytes) == 0);
    AudioEncoding encoding{AudioEncoding::Codec::pcma, {}};
    CHECK(encoder.update(encoding));
    encoding.opus.frameMs = 40;
    CHECK_FALSE(encoder.update(encoding));
    CHECK_FALSE(encoder.update({AudioEncoding::Codec::pcmu, {}}));
  }
}
