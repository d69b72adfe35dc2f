#include "SrtpSession.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "SrtpAesGcm.hpp"

using namespace troupe::transport;

namespace {

/** A packet with room for what protection adds. */
struct Packet {
  std::array<uint8_t, 256> data{};
  size_t size = 0;
};

Packet makePacket(const std::vector<uint8_t>& header, size_t payloadBytes) {
  Packet packet;
  packet.size = header.size() + payloadBytes;
  std::memcpy(packet.data.data(), header.data(), header.size());
  for (size_t at = header.size(); at < packet.size; ++at) packet.data[at] = static_cast<uint8_t>(at);
  return packet;
}

Packet makeRtp(uint8_t sequenceNumber, size_t payloadBytes) {
  return makePacket({0x80, 111, 0, sequenceNumber, 0, 0, 0, 0, 0, 0, 0, 7}, payloadBytes);
}

bool isSame(const Packet& a, const Packet& b) {
  return a.size == b.size && std::memcmp(a.data.data(), b.data.data(), a.size) == 0;
}

/** The linked libsrtp's profiles, taken apart. */
std::vector<std::string> profiles() {
  std::vector<std::string> names(1);
  for (const char letter : SrtpSession::profiles()) {
    if (letter == ':') names.emplace_back();
    else names.back() += letter;
  }
  return names;
}

std::vector<uint8_t> keyFor(const std::string& profile, uint8_t seed) {
  const SrtpSession::KeySizes sizes = SrtpSession::keySizes(profile);
  std::vector<uint8_t> key(sizes.key + sizes.salt);
  for (size_t at = 0; at < key.size(); ++at) key[at] = static_cast<uint8_t>(seed + 7 * at);
  return key;
}

}  // namespace

TEST_SUITE("SrtpSession") {
  TEST_CASE("libsrtp takes AES-GCM by OpenSSL, by its own test vectors") {
    REQUIRE_FALSE(profiles().empty());
    CHECK(useOpensslForAesGcm());
  }

  TEST_CASE("what one end protects the other one opens, with payload and without, in each profile") {
    for (const std::string& profile : profiles()) {
      CAPTURE(profile);
      SrtpSession left(profile, keyFor(profile, 1), keyFor(profile, 2));
      SrtpSession right(profile, keyFor(profile, 2), keyFor(profile, 1));
      uint8_t sequenceNumber = 0;
      for (const size_t bytes : {size_t{0}, size_t{1}, size_t{80}, size_t{160}}) {
        CAPTURE(bytes);
        const Packet plain = makeRtp(++sequenceNumber, bytes);
        Packet sent = plain;
        REQUIRE(left.protectRtp(sent.data.data(), sent.size));
        CHECK(sent.size > plain.size);
        CHECK((bytes < 16 || std::memcmp(sent.data.data() + 12, plain.data.data() + 12, bytes) != 0));
        REQUIRE(right.unprotectRtp(sent.data.data(), sent.size) == UnprotectResult::ok);
        CHECK(isSame(sent, plain));
      }
      const Packet report = makePacket({0x80, 201, 0, 3, 0, 0, 0, 7}, 8);
      Packet sent = report;
      REQUIRE(left.protectRtcp(sent.data.data(), sent.size));
      REQUIRE(right.unprotectRtcp(sent.data.data(), sent.size) == UnprotectResult::ok);
      CHECK(isSame(sent, report));
    }
  }

  TEST_CASE("a packet that was damaged anywhere is refused, and the one that was not is still taken, once") {
    for (const std::string& profile : profiles()) {
      CAPTURE(profile);
      SrtpSession left(profile, keyFor(profile, 1), keyFor(profile, 2));
      SrtpSession right(profile, keyFor(profile, 2), keyFor(profile, 1));
      const Packet plain = makeRtp(1, 40);
      Packet sent = plain;
      REQUIRE(left.protectRtp(sent.data.data(), sent.size));
      // The timestamp, the payload and the tag; what tells stream and number apart picks another key stream.
      for (const size_t at : {size_t{5}, size_t{12}, size_t{30}, sent.size - 1}) {
        CAPTURE(at);
        Packet damaged = sent;
        damaged.data[at] ^= 1;
        CHECK(right.unprotectRtp(damaged.data.data(), damaged.size) == UnprotectResult::failed);
      }
      for (size_t size = 0; size < 28; ++size) {
        Packet cut = sent;
        cut.size = size;
        CHECK(right.unprotectRtp(cut.data.data(), cut.size) == UnprotectResult::failed);
      }
      Packet again = sent;
      REQUIRE(right.unprotectRtp(sent.data.data(), sent.size) == UnprotectResult::ok);
      CHECK(isSame(sent, plain));
      CHECK(right.unprotectRtp(again.data.data(), again.size) == UnprotectResult::replay);
    }
  }
}
