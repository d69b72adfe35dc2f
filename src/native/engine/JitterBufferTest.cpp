#include "JitterBuffer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "RtpTestPacket.hpp"

using namespace troupe;
using Inserted = JitterBuffer::Inserted;
using Kind = JitterBuffer::Kind;
using test::bytesOf;
using test::TestPacket;
using test::viewOf;

namespace {
constexpr int64_t kMs = 1'000;
constexpr int64_t kTickUs = 10 * kMs;

/** A stream of frames into a buffer that is asked every 10 ms, all on one simulated clock. */
class Playout {
 public:
  explicit Playout(int64_t frameMs = 20, JitterBufferOptions options = {}) : frameMs_(frameMs), buffer(options) {}

  /** The frame's place in the stream also tells its sequence number and timestamp. */
  Inserted arrive(int64_t frame, int64_t atUs) { return arrive(packetOf(frame), atUs); }
  Inserted arrive(const TestPacket& packet, int64_t atUs) {
    advance(atUs);
    const auto bytes = bytesOf(packet);
    return buffer.insert(viewOf(bytes), atUs, static_cast<uint32_t>(frameMs_ * 48));
  }

  TestPacket packetOf(int64_t frame) const {
    TestPacket packet;
    packet.sequenceNumber = static_cast<uint16_t>(65'530 + frame);
    packet.timestamp = static_cast<uint32_t>(4'294'960'000 + frame * frameMs_ * 48);
    packet.payload = {static_cast<uint8_t>(frame), 1};
    return packet;
  }

  /** Runs the ticks up to `untilUs`. */
  void advance(int64_t untilUs) {
    while (nextTickUs_ <= untilUs) {
      tick(nextTickUs_);
      nextTickUs_ += kTickUs;
    }
  }

  /** What came out since the last call: a number per packet, m for a missing frame (M with the FEC payload of its follower). */
  std::string take() { return std::exchange(played_, {}); }

  int64_t lastDelayUs = 0;

 private:
  void tick(int64_t nowUs) {
    while (true) {
      const auto output = buffer.pop(nowUs);
      if (output.kind == Kind::nothing) return;
      if (!played_.empty()) played_ += ' ';
      if (output.kind == Kind::packet) {
        lastDelayUs = nowUs - output.arrivalUs;
        played_ += std::to_string(output.payload[0]);
      } else {
        played_ += output.payload.empty() ? "m" : "M" + std::to_string(output.payload[0]);
      }
    }
  }

  int64_t frameMs_;
  int64_t nextTickUs_ = 0;
  std::string played_;

 public:
  JitterBuffer buffer;
};
}  // namespace

TEST_CASE("JitterBuffer gives nothing before the first packet") {
  JitterBuffer buffer({});
  CHECK(buffer.pop(0).kind == Kind::nothing);
  CHECK(buffer.peek().kind == Kind::nothing);
  CHECK_FALSE(buffer.isPlaying());
}

TEST_CASE("JitterBuffer plays an even stream in order with about 20 ms of delay, whatever its phase to the ticks") {
  for (int64_t phaseUs = 0; phaseUs < kTickUs; phaseUs += 700) {
    Playout playout;
    std::string expected;
    for (int64_t frame = 0; frame < 100; ++frame) {
      CHECK(playout.arrive(frame, phaseUs + frame * 20 * kMs) == Inserted::accepted);
      expected += (frame > 0 ? " " : "") + std::to_string(frame);
    }
    playout.advance(2'000 * kMs + phaseUs + 10 * kMs);
    CHECK(playout.take() == expected);
    CHECK(playout.lastDelayUs >= 15 * kMs);
    CHECK(playout.lastDelayUs <= 25 * kMs);
    CHECK(playout.buffer.stats().framesMissing == 0);
    CHECK(playout.buffer.stats().samplesEmitted == 96'000);
    const double meanSeconds = playout.buffer.stats().delaySecondsTimesSamples / 96'000;
    CHECK(meanSeconds <= 0.025);
  }
}

TEST_CASE("JitterBuffer plays frames of 10, 40 and 60 ms as evenly") {
  for (const int64_t frameMs : {10, 40, 60}) {
    Playout playout(frameMs);
    for (int64_t frame = 0; frame < 50; ++frame) playout.arrive(frame, frame * frameMs * kMs);
    playout.advance((49 * frameMs + 20) * kMs);
    CHECK(playout.buffer.stats().packetsEmitted == 50);
    CHECK(playout.buffer.stats().framesMissing == 0);
    CHECK(playout.lastDelayUs == 20 * kMs);
  }
}

TEST_CASE("JitterBuffer puts packets in order, over the wrap of numbers and timestamps") {
  Playout playout;
  std::string expected = "0";
  playout.arrive(0, 1 * kMs);
  for (int64_t frame = 2; frame < 12; frame += 2) {
    // Each pair comes together and the wrong way round, when its first was due to come.
    playout.arrive(frame, (frame - 1) * 20 * kMs + 1 * kMs);
    playout.arrive(frame - 1, (frame - 1) * 20 * kMs + 2 * kMs);
    expected += " " + std::to_string(frame - 1) + " " + std::to_string(frame);
  }
  playout.advance(220 * kMs);
  CHECK(playout.take() == expected);
  CHECK(playout.buffer.stats().packetsLate == 0);
}

TEST_CASE("JitterBuffer puts a packet in front of one that overtook it at the very start") {
  Playout playout;
  playout.arrive(1, 21 * kMs);
  CHECK(playout.arrive(0, 22 * kMs) == Inserted::accepted);
  playout.arrive(2, 41 * kMs);
  playout.advance(60 * kMs);
  CHECK(playout.take() == "0 1 2");
}

TEST_CASE("JitterBuffer drops and counts duplicates, of waiting and of played packets") {
  Playout playout;
  playout.arrive(0, 0);
  CHECK(playout.arrive(0, 1 * kMs) == Inserted::duplicate);
  playout.arrive(1, 20 * kMs);
  playout.advance(30 * kMs);
  CHECK(playout.take() == "0");
  CHECK(playout.arrive(0, 31 * kMs) == Inserted::duplicate);
  CHECK(playout.buffer.stats().packetsDuplicated == 2);
}

TEST_CASE("JitterBuffer conceals a lost packet and offers its follower for FEC") {
  Playout playout(20, {48'000, 40'000, 400'000});
  for (const int64_t frame : {0, 1, 3, 4, 5}) playout.arrive(frame, frame * 20 * kMs);
  playout.advance(140 * kMs);
  CHECK(playout.take() == "0 1 M3 3 4 5");
  CHECK(playout.buffer.stats().framesMissing == 1);
  CHECK(playout.buffer.stats().framesStretched == 0);
}

TEST_CASE("JitterBuffer conceals several lost packets, one frame each") {
  Playout playout(20, {48'000, 80'000, 400'000});
  for (const int64_t frame : {0, 1, 4, 5}) playout.arrive(frame, frame * 20 * kMs);
  playout.advance(180 * kMs);
  CHECK(playout.take() == "0 1 m M4 4 5");
}

TEST_CASE("JitterBuffer knows a loss that it met with an empty buffer, and its delay stays") {
  Playout playout;
  for (const int64_t frame : {0, 1, 3, 4, 5, 6}) playout.arrive(frame, frame * 20 * kMs + 3 * kMs);
  playout.advance(145 * kMs);
  CHECK(playout.take() == "0 1 m 3 4 5 6");
  CHECK(playout.lastDelayUs <= 25 * kMs);
  CHECK(playout.buffer.stats().framesStretched == 0);
}

TEST_CASE("JitterBuffer plays a packet that came a little late and keeps the longer delay") {
  Playout playout;
  for (int64_t frame = 0; frame < 5; ++frame) playout.arrive(frame, frame * 20 * kMs);
  for (int64_t frame = 5; frame < 8; ++frame) playout.arrive(frame, 134 * kMs + frame);
  for (int64_t frame = 8; frame < 12; ++frame) playout.arrive(frame, frame * 20 * kMs);
  playout.advance(300 * kMs);
  const std::string played = playout.take();
  CHECK(played.substr(0, 15) == "0 1 2 3 4 m 5 6");
  CHECK(played.find("11") != std::string::npos);
  CHECK(playout.buffer.stats().framesStretched == 1);
  CHECK(playout.buffer.stats().packetsLate == 0);
  CHECK(playout.lastDelayUs == 40 * kMs);
}

TEST_CASE("JitterBuffer discards and counts what comes after its turn, and stretches when that happens again") {
  Playout playout;
  for (int64_t frame = 0; frame < 30; ++frame) {
    const bool isSlow = frame == 5 || frame == 10;
    if (!isSlow) playout.arrive(frame, frame * 20 * kMs);
    // A slow one comes when its follower is played already.
    if (frame == 7 || frame == 12) CHECK(playout.arrive(frame - 2, frame * 20 * kMs + 1) == Inserted::late);
  }
  playout.advance(700 * kMs);
  CHECK(playout.buffer.stats().packetsLate == 2);
  CHECK(playout.buffer.stats().framesStretched == 1);
}

TEST_CASE("JitterBuffer gets back to a short delay when the jitter is over") {
  Playout playout;
  int64_t frame = 0;
  for (; frame < 20; ++frame) playout.arrive(frame, frame * 20 * kMs);
  // 90 ms without a packet, which then come all at once.
  for (; frame < 25; ++frame) playout.arrive(frame, 490 * kMs + frame);
  for (; frame < 100; ++frame) playout.arrive(frame, frame * 20 * kMs);
  CHECK(playout.lastDelayUs > 60 * kMs);
  playout.buffer.setQuiet(true);
  for (; frame < 1'500; ++frame) playout.arrive(frame, frame * 20 * kMs);
  CHECK(playout.lastDelayUs <= 40 * kMs);
  CHECK(playout.buffer.stats().packetsSkipped >= 2);
  CHECK(playout.buffer.stats().packetsLate == 0);
}

TEST_CASE("JitterBuffer shortens a loud stream too, only later") {
  Playout quiet;
  Playout loud;
  quiet.buffer.setQuiet(true);
  int64_t shortQuiet = 0;
  int64_t shortLoud = 0;
  for (int64_t frame = 0; frame < 1'000; ++frame) {
    const int64_t atUs = (frame >= 20 && frame < 22 ? 22 : frame) * 20 * kMs;
    quiet.arrive(frame, atUs);
    loud.arrive(frame, atUs);
    if (shortQuiet == 0 && quiet.buffer.stats().packetsSkipped > 0) shortQuiet = frame;
    if (shortLoud == 0 && loud.buffer.stats().packetsSkipped > 0) shortLoud = frame;
  }
  CHECK(shortQuiet > 0);
  CHECK(shortLoud > shortQuiet);
}

TEST_CASE("JitterBuffer settles under steady jitter instead of growing and shrinking for ever") {
  Playout playout;
  uint32_t random = 1;
  uint64_t missingHalfway = 0;
  for (int64_t frame = 0; frame < 6'000; ++frame) {
    random = random * 1'664'525 + 1'013'904'223;
    playout.arrive(frame, std::max(frame * 20 * kMs + (random >> 16) % 15 * kMs, int64_t{0}));
    if (frame == 3'000) missingHalfway = playout.buffer.stats().framesMissing;
  }
  CHECK(playout.buffer.stats().framesMissing - missingHalfway <= 3);
  CHECK(playout.lastDelayUs <= 60 * kMs);
}

TEST_CASE("JitterBuffer falls silent after a while without packets and starts anew with the next") {
  Playout playout;
  playout.arrive(0, 0);
  playout.advance(500 * kMs);
  CHECK(playout.take() == "0 m m m m m");
  CHECK_FALSE(playout.buffer.isPlaying());
  playout.arrive(25, 501 * kMs);
  CHECK(playout.buffer.isPlaying());
  playout.arrive(26, 521 * kMs);
  playout.advance(545 * kMs);
  CHECK(playout.take() == "25 26");
}

TEST_CASE("JitterBuffer keeps a pause in the stream (DTX) as silence, not as loss") {
  Playout playout(20, {48'000, 100'000, 400'000});
  playout.arrive(0, 0);
  TestPacket after = playout.packetOf(4);
  after.sequenceNumber = playout.packetOf(1).sequenceNumber;
  playout.arrive(after, 80 * kMs);
  playout.advance(170 * kMs);
  CHECK(playout.take() == "0");
  playout.advance(180 * kMs);
  CHECK(playout.take() == "4");
  CHECK(playout.buffer.stats().framesMissing == 0);
}

TEST_CASE("JitterBuffer plays on at once after a jump of the timestamp") {
  for (const uint32_t jump : {500'000'000u, 0u - 500'000'000u}) {
    Playout playout;
    std::string expected;
    for (int64_t frame = 0; frame < 10; ++frame) {
      TestPacket packet = playout.packetOf(frame);
      if (frame >= 5) packet.timestamp += jump;
      playout.arrive(packet, frame * 20 * kMs);
      expected += (frame > 0 ? " " : "") + std::to_string(frame);
    }
    playout.advance(200 * kMs);
    CHECK(playout.take() == expected);
  }
}

TEST_CASE("JitterBuffer starts anew when the SSRC changes") {
  Playout playout;
  playout.arrive(0, 0);
  TestPacket other = playout.packetOf(100);
  other.ssrc = 77;
  CHECK(playout.arrive(other, 1 * kMs) == Inserted::restarted);
  playout.advance(30 * kMs);
  CHECK(playout.take() == "100");
  CHECK(playout.buffer.stats().resets == 1);
}

TEST_CASE("JitterBuffer takes a far sequence number only when the next packet agrees") {
  Playout playout;
  playout.arrive(0, 0);
  CHECK(playout.arrive(20'000, 10 * kMs) == Inserted::rejected);
  CHECK(playout.arrive(1, 20 * kMs) == Inserted::accepted);
  CHECK(playout.arrive(30'000, 40 * kMs) == Inserted::rejected);
  CHECK(playout.arrive(30'001, 60 * kMs) == Inserted::restarted);
  CHECK(playout.buffer.stats().packetsRejected == 2);
}

TEST_CASE("JitterBuffer never holds more than its cap") {
  Playout playout(20, {48'000, 20'000, 200'000});
  for (int64_t frame = 0; frame < 50; ++frame) playout.arrive(frame, 1 * kMs);
  CHECK(playout.buffer.bufferedUs() <= 200 * kMs);
  CHECK(playout.buffer.packets() == 10);
  CHECK(playout.buffer.stats().packetsSkipped == 40);
  playout.advance(30 * kMs);
  CHECK(playout.take() == "40 41");
}

TEST_CASE("JitterBuffer makes room for a packet far ahead") {
  Playout playout(10, {48'000, 20'000, 2'000'000});
  for (int64_t frame = 0; frame < 3; ++frame) playout.arrive(frame, 1 * kMs);
  CHECK(playout.arrive(500, 2 * kMs) == Inserted::accepted);
  CHECK(playout.buffer.packets() == 1);
  playout.advance(30 * kMs);
  CHECK(playout.take().substr(0, 3) == std::to_string(500 % 256));
}

TEST_CASE("JitterBuffer does not rush after its caller lost time") {
  Playout playout;
  for (int64_t frame = 0; frame < 15; ++frame) {
    const auto bytes = bytesOf(playout.packetOf(frame));
    playout.buffer.insert(viewOf(bytes), frame * 20 * kMs, 960);
  }
  int packets = 0;
  while (playout.buffer.pop(300 * kMs).kind == Kind::packet) packets += 1;
  CHECK(packets == 1);
}

TEST_CASE("JitterBuffer refuses empty and oversized payloads") {
  Playout playout;
  TestPacket packet = playout.packetOf(0);
  packet.payload.clear();
  CHECK(playout.arrive(packet, 0) == Inserted::rejected);
  const std::vector<uint8_t> large(12 + JitterBuffer::kMaximumPayloadBytes + 1, 0x80);
  RtpPacket view;
  auto bytes = large;
  bytes[1] = 111;
  REQUIRE(RtpPacket::parse(bytes, view) != RtpParseError::badVersion);
  bytes[0] = 0x80;
  REQUIRE(RtpPacket::parse(bytes, view) == RtpParseError::none);
  CHECK(playout.buffer.insert(view, 0) == Inserted::rejected);
  CHECK(playout.buffer.stats().packetsRejected == 2);
}

TEST_CASE("JitterBuffer tells the length of frames from their spacing when nobody says it") {
  JitterBuffer buffer({});
  Playout stream(60);
  for (int64_t frame = 0; frame < 3; ++frame) {
    const auto bytes = bytesOf(stream.packetOf(frame));
    buffer.insert(viewOf(bytes), 0);
  }
  buffer.pop(20 * kMs);
  CHECK(buffer.peek().duration == 2'880);
  CHECK(buffer.peek().payload[0] == 1);
}

TEST_CASE("JitterBuffer takes no frame for shorter than Opus has them") {
  Playout playout;
  const auto bytes = bytesOf(playout.packetOf(0));
  playout.buffer.insert(viewOf(bytes), 0, 1);
  CHECK(playout.buffer.peek().duration == 120);
  playout.advance(500 * kMs);
  CHECK(playout.buffer.stats().framesMissing == 40);
}

TEST_CASE("JitterBuffer keeps a longer delay over a pause, but not over a reset") {
  for (const bool resets : {false, true}) {
    Playout playout;
    for (int64_t frame = 0; frame < 5; ++frame) playout.arrive(frame, frame * 20 * kMs);
    for (int64_t frame = 5; frame < 8; ++frame) playout.arrive(frame, 134 * kMs + frame);
    playout.advance(1'000 * kMs);
    CHECK(playout.buffer.stats().framesStretched == 1);
    if (resets) playout.buffer.reset();
    playout.arrive(60, 1'200 * kMs);
    playout.advance(1'300 * kMs);
    CHECK(playout.lastDelayUs == (resets ? 20 * kMs : 40 * kMs));
  }
}

TEST_CASE("JitterBuffer forgets its packets on reset and keeps its figures") {
  Playout playout;
  playout.arrive(0, 0);
  playout.buffer.reset();
  CHECK(playout.buffer.packets() == 0);
  CHECK(playout.buffer.bufferedUs() == 0);
  CHECK(playout.buffer.pop(1'000 * kMs).kind == Kind::nothing);
  CHECK(playout.buffer.stats().packetsInserted == 1);
}
