#include "TransportFeedback.hpp"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <random>
#include <vector>

#include "Bytes.hpp"
#include "RtcpBuilder.hpp"
#include "RtcpParser.hpp"

using namespace troupe;

namespace {

/** What a message says, by sequence number: the arrival in units of 250 us, or -1. Reads as the draft has it. */
std::map<uint16_t, int64_t> decode(std::span<const uint8_t> body) {
  const uint16_t base = readU16(&body[8]);
  const size_t count = readU16(&body[10]);
  int64_t time = int64_t{readU24(&body[12])} * 256;
  std::vector<unsigned> symbols;
  size_t at = 16;
  for (; symbols.size() < count; at += 2) {
    const unsigned chunk = readU16(&body[at]);
    if ((chunk & 0x8000) == 0) {
      symbols.insert(symbols.end(), chunk & 0x1fff, (chunk >> 13) & 3);
    } else if ((chunk & 0x4000) == 0) {
      for (int bit = 13; bit >= 0; --bit) symbols.push_back((chunk >> bit) & 1);
    } else {
      for (int bit = 12; bit >= 0; bit -= 2) symbols.push_back((chunk >> bit) & 3);
    }
  }
  std::map<uint16_t, int64_t> arrivals;
  for (size_t i = 0; i < count; ++i) {
    const auto number = static_cast<uint16_t>(base + i);
    if (symbols[i] == 0) {
      arrivals[number] = -1;
      continue;
    }
    time += symbols[i] == 1 ? body[at] : static_cast<int16_t>(readU16(&body[at]));
    at += symbols[i];
    arrivals[number] = time;
  }
  return arrivals;
}

struct Taken {
  std::map<uint16_t, int64_t> arrivals;
  TransportFeedback read;
  size_t messages = 0;
};

/** All that is to be reported now, as the far side reads it. */
Taken takeAll(TransportArrivals& arrivals) {
  class Reader : public RtcpVisitor {
   public:
    void onTransportFeedback(uint32_t sender, const TransportFeedback& feedback) override {
      CHECK(sender == 7);
      read = feedback;
    }
    TransportFeedback read;
  };
  Taken taken;
  while (true) {
    std::array<uint8_t, 1200> buffer{};
    RtcpBuilder builder(buffer);
    if (!builder.addTransportFeedback(7, arrivals)) return taken;
    Reader reader;
    const auto result = RtcpParser::parse(builder.bytes(), reader);
    CHECK(result.packets == 1);
    CHECK(result.malformed == 0);
    taken.read = reader.read;
    ++taken.messages;
    size_t received = 0;
    for (const auto& [number, time] : decode(builder.bytes().subspan(4))) {
      taken.arrivals[number] = time;
      if (time >= 0) ++received;
    }
    CHECK(received == reader.read.receivedCount);
  }
}

}  // namespace

TEST_CASE("transport-wide feedback has the bytes of the draft") {
  // 64 ms, 64.5 ms, lost, 66 ms.
  const std::array<int64_t, 4> times = {64'000, 64'500, -1, 66'000};
  std::array<uint8_t, 64> room{};
  size_t told = 0;
  const size_t bytes = writeTransportFeedback({0xfffe, times, 9}, room, told);
  CHECK(told == 4);
  const std::vector<uint8_t> expected = {0xff, 0xfe, 0, 4, 0, 0, 1, 9, 0xb4, 0, 0, 2, 6, 0, 0, 0};
  CHECK(std::vector<uint8_t>(room.begin(), room.begin() + static_cast<ptrdiff_t>(bytes)) == expected);
}

TEST_CASE("transport-wide feedback tells what came, when, and what did not") {
  TransportArrivals arrivals;
  for (uint16_t number = 65533; number != 5; ++number)
    if (number != 65535 && number != 2) arrivals.add(number, 1, 1'000'000 + 20'000 * static_cast<uint16_t>(number + 3));
  const Taken taken = takeAll(arrivals);
  CHECK(taken.messages == 1);
  CHECK(taken.read.baseSequenceNumber == 65533);
  CHECK(taken.read.packetCount == 8);
  CHECK(taken.read.receivedCount == 6);
  CHECK(taken.arrivals.at(65533) == 4000);
  CHECK(taken.arrivals.at(65535) == -1);
  CHECK(taken.arrivals.at(2) == -1);
  CHECK(taken.arrivals.at(4) == 4000 + 7 * 80);
  CHECK(takeAll(arrivals).messages == 0);
}

TEST_CASE("a packet that comes late is reported after all, with what followed it") {
  TransportArrivals arrivals;
  for (const uint16_t number : {10, 11, 13, 14}) arrivals.add(number, 1, 100'000);
  CHECK(takeAll(arrivals).arrivals.at(12) == -1);
  arrivals.add(12, 1, 200'000);
  arrivals.add(12, 1, 900'000);
  const Taken late = takeAll(arrivals);
  CHECK(late.read.baseSequenceNumber == 12);
  CHECK(late.read.receivedCount == 3);
  CHECK(late.read.feedbackCount == 1);
  CHECK(late.arrivals.at(12) == 800);
}

TEST_CASE("what the far side skips is lost up to the window, and beyond it forgotten") {
  TransportArrivals arrivals;
  arrivals.add(0, 1, 1000);
  arrivals.add(1000, 1, 2000);
  const Taken gap = takeAll(arrivals);
  CHECK(gap.arrivals.at(1000) >= 0);
  arrivals.add(10'000, 1, 3000);
  const Taken jump = takeAll(arrivals);
  CHECK(jump.read.baseSequenceNumber == 10'000);
  CHECK(jump.read.packetCount == 1);
  arrivals.add(5000, 1, 4000);
  CHECK(takeAll(arrivals).messages == 0);
}

TEST_CASE("any pattern of arrivals survives the way there and back") {
  std::minstd_rand random(5);
  for (int round = 0; round < 300; ++round) {
    TransportArrivals arrivals;
    std::map<uint16_t, int64_t> expected;
    const unsigned loss = random() % 100;
    const int64_t step = static_cast<int64_t>(random() % 5) * static_cast<int64_t>(random() % 100'000);
    int64_t nowUs = static_cast<int64_t>(random()) * 100;
    auto number = static_cast<uint16_t>(random());
    const size_t count = 1 + random() % 900;
    for (size_t i = 0; i < count; ++i, ++number, nowUs += static_cast<int64_t>(random() % 1000) + step) {
      // The first and the last come: what is told begins and ends with them.
      if (i > 0 && i + 1 < count && random() % 100 < loss) continue;
      arrivals.add(number, 1, nowUs);
      expected[number] = nowUs / 250 % (int64_t{256} << 24);
    }
    const Taken taken = takeAll(arrivals);
    for (const auto& [told, time] : taken.arrivals) {
      const auto found = expected.find(told);
      REQUIRE(time % (int64_t{256} << 24) == (found == expected.end() ? -1 : found->second));
    }
    for (const auto& [sent, time] : expected) REQUIRE(taken.arrivals.contains(sent));
  }
}

TEST_CASE("transport-wide feedback that is cut short anywhere is none") {
  TransportArrivals arrivals;
  for (uint16_t number = 0; number < 100; number = static_cast<uint16_t>(number + 1 + number % 3))
    arrivals.add(number, 1, 1'000'000 + number * 90'000);
  std::array<uint8_t, 1200> buffer{};
  RtcpBuilder builder(buffer);
  REQUIRE(builder.addTransportFeedback(7, arrivals));
  const auto body = builder.bytes().subspan(4);
  REQUIRE(readTransportFeedback(body));
  // Up to three zeros fill its last word.
  for (size_t size = 0; size + 3 < body.size(); ++size) CHECK_FALSE(readTransportFeedback(body.first(size)));
}
