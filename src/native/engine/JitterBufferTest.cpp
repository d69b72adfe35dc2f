#include "JitterBuffer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace troupe;
using Inserted = JitterBuffer::Inserted;
using Kind = JitterBuffer::Kind;
using Origin = EncodedFrame::Origin;

namespace {
constexpr int64_t kMs = 1'000;

/** A stream of frames into a buffer that a decoder empties tick by tick, all on one simulated clock. */
class Playout {
 public:
  explicit Playout(int64_t frameMs = 20, JitterBufferOptions options = {}) : frameMs_(frameMs), buffer(options) {}

  /** The frame's place in the stream also tells its sequence number and timestamp. */
  Inserted arrive(int64_t frame, int64_t atUs, Origin origin = Origin::packet) {
    EncodedFrame encoded = frameOf(frame);
    encoded.origin = origin;
    return arrive(encoded, atUs);
  }
  Inserted arrive(const EncodedFrame& frame, int64_t atUs) {
    advance(atUs);
    return buffer.insert(frame, atUs);
  }

  EncodedFrame frameOf(int64_t frame) {
    EncodedFrame encoded;
    encoded.ssrc = 1;
    encoded.sequenceNumber = static_cast<uint16_t>(65'530 + frame);
    encoded.timestamp = static_cast<uint32_t>(4'294'960'000 + frame * frameMs_ * 48);
    encoded.duration = static_cast<uint32_t>(frameMs_ * 48);
    encoded.repairsPrevious = repairs;
    payload_ = {static_cast<uint8_t>(frame), 1};
    encoded.payload = payload_;
    return encoded;
  }

  /** Runs the ticks up to `untilUs`. */
  void advance(int64_t untilUs) {
    for (; nextTickUs_ <= untilUs; nextTickUs_ += kTickUs) tick(nextTickUs_);
  }

  /** What came out since the last call: a number per packet, m for 10 ms concealed, R for 10 ms repaired from a packet. */
  std::string take() { return std::exchange(played_, {}); }

  int64_t excessUs() const { return buffer.excessUs(nextTickUs_ - kTickUs, heldUs_ + kTickUs); }

  int64_t lastDelayUs = 0;
  bool repairs = false;
  /** How much concealment in a row makes the decoder give up. */
  int64_t patienceUs = 100 * kMs;

 private:
  void tick(int64_t nowUs) {
    while (heldUs_ < kTickUs) {
      if (concealedUs_ > patienceUs) {
        buffer.stall();
        concealedUs_ = 0;
      }
      const auto output = buffer.pop(nowUs, heldUs_);
      if (output.kind == Kind::nothing) return;
      if (!played_.empty()) played_ += ' ';
      const int64_t lengthUs = int64_t{output.duration} * 1'000 / 48;
      heldUs_ += lengthUs;
      if (output.kind == Kind::packet) {
        lastDelayUs = nowUs - output.arrivalUs;
        played_ += std::to_string(output.payload[0]);
        concealedUs_ = 0;
      } else {
        played_ += output.payload.empty() ? "m" : "R" + std::to_string(output.payload[0]);
        played_ += std::to_string(lengthUs / kMs);
        concealedUs_ += lengthUs;
      }
    }
    heldUs_ -= kTickUs;
  }

  int64_t frameMs_;
  int64_t nextTickUs_ = 0;
  int64_t heldUs_ = 0;
  int64_t concealedUs_ = 0;
  std::string played_;
  std::vector<uint8_t> payload_;

 public:
  JitterBuffer buffer;
};

std::string numbers(int64_t from, int64_t to) {
  std::string text;
  for (int64_t number = from; number < to; ++number) text += (text.empty() ? "" : " ") + std::to_string(number);
  return text;
}
}  // namespace

TEST_SUITE("JitterBuffer") {
  TEST_CASE("gives nothing before the first packet") {
    JitterBuffer buffer({});
    CHECK(buffer.pop(0, 0).kind == Kind::nothing);
    CHECK_FALSE(buffer.isPlaying());
    CHECK(buffer.excessUs(0, 0) == 0);
  }

  TEST_CASE("plays an even stream in order with about 20 ms of delay, whatever its phase to the ticks") {
    for (int64_t phaseUs = 0; phaseUs < kTickUs; phaseUs += 700) {
      Playout playout;
      for (int64_t frame = 0; frame < 100; ++frame)
        CHECK(playout.arrive(frame, phaseUs + frame * 20 * kMs) == Inserted::accepted);
      playout.advance(2'000 * kMs + phaseUs + 10 * kMs);
      CHECK(playout.take().substr(0, numbers(0, 100).size()) == numbers(0, 100));
      CHECK(playout.buffer.stats().samplesEmitted == 96'000);
      const double meanSeconds = playout.buffer.stats().delaySecondsTimesSamples / 96'000;
      CHECK(meanSeconds >= 0.015);
      CHECK(meanSeconds <= 0.025);
    }
  }

  TEST_CASE("plays frames of 10, 40 and 60 ms as evenly") {
    for (const int64_t frameMs : {10, 40, 60}) {
      Playout playout(frameMs);
      for (int64_t frame = 0; frame < 50; ++frame) playout.arrive(frame, frame * frameMs * kMs);
      playout.advance((49 * frameMs + 20) * kMs);
      CHECK(playout.take() == numbers(0, 50));
      CHECK(playout.lastDelayUs == 20 * kMs);
    }
  }

  TEST_CASE("puts packets in order, over the wrap of numbers and timestamps") {
    Playout playout(20, {40 * kMs, 400 * kMs});
    playout.arrive(0, 0);
    for (int64_t frame = 2; frame < 12; frame += 2) {
      // Each pair comes together and the wrong way round, when its first was due to come.
      playout.arrive(frame, (frame - 1) * 20 * kMs);
      playout.arrive(frame - 1, (frame - 1) * 20 * kMs + 1 * kMs);
    }
    playout.advance(220 * kMs);
    CHECK(playout.take() == numbers(0, 10));
    CHECK(playout.buffer.stats().packetsLate == 0);
  }

  TEST_CASE("puts a packet in front of one that overtook it at the very start") {
    Playout playout;
    playout.arrive(1, 21 * kMs);
    CHECK(playout.arrive(0, 22 * kMs) == Inserted::accepted);
    playout.arrive(2, 41 * kMs);
    playout.advance(70 * kMs);
    CHECK(playout.take() == "0 1 2");
  }

  TEST_CASE("drops and counts duplicates, of waiting and of played packets") {
    Playout playout;
    playout.arrive(0, 0);
    CHECK(playout.arrive(0, 1 * kMs) == Inserted::duplicate);
    playout.arrive(1, 20 * kMs);
    playout.advance(30 * kMs);
    CHECK(playout.arrive(0, 31 * kMs) == Inserted::duplicate);
    CHECK(playout.buffer.stats().packetsDuplicated == 2);
  }

  TEST_CASE("repairs a lost packet from its follower where that can, and conceals it where not") {
    for (const bool repairs : {true, false}) {
      Playout playout(20, {40 * kMs, 400 * kMs});
      playout.repairs = repairs;
      for (const int64_t frame : {0, 1, 3, 4, 5}) playout.arrive(frame, frame * 20 * kMs);
      playout.advance(140 * kMs);
      CHECK(playout.take() == (repairs ? "0 1 R320 3 4 5" : "0 1 m20 3 4 5"));
      CHECK(playout.buffer.stats().framesLost == 1);
      CHECK(playout.lastDelayUs == 40 * kMs);
    }
  }

  TEST_CASE("conceals the first of several lost packets and repairs the last") {
    Playout playout(20, {80 * kMs, 400 * kMs});
    playout.repairs = true;
    for (const int64_t frame : {0, 1, 4, 5}) playout.arrive(frame, frame * 20 * kMs);
    playout.advance(180 * kMs);
    CHECK(playout.take() == "0 1 m20 R420 4 5");
  }

  TEST_CASE("repairs what is left when the follower comes while a loss is concealed, and its delay stays") {
    Playout playout;
    playout.repairs = true;
    for (const int64_t frame : {0, 1}) playout.arrive(frame, frame * 20 * kMs);
    for (const int64_t frame : {3, 4, 5}) playout.arrive(frame, frame * 20 * kMs + 6 * kMs);
    playout.advance(130 * kMs);
    CHECK(playout.take() == "0 1 m10 R310 3 4 5");
    CHECK(playout.lastDelayUs == 14 * kMs);
  }

  TEST_CASE("takes a longer delay once losses could be repaired by it, and gives it up when they are over") {
    Playout playout;
    playout.repairs = true;
    int64_t frame = 0;
    for (; frame < 50; ++frame)
      if (frame % 20 != 7) playout.arrive(frame, frame * 20 * kMs);
    CHECK(playout.buffer.targetDelayUs() == 38 * kMs);
    for (; frame < 50 + 501; ++frame) playout.arrive(frame, frame * 20 * kMs);
    CHECK(playout.buffer.targetDelayUs() == 20 * kMs);
  }

  TEST_CASE("takes the round trip into its delay when only retransmission repairs, unless that is too long") {
    for (const int64_t roundTripMs : {-1, 30, 90}) {
      Playout playout;
      playout.buffer.setRetransmissionUs(roundTripMs < 0 ? -1 : roundTripMs * kMs);
      for (int64_t frame = 0; frame < 50; ++frame)
        if (frame % 20 != 7) playout.arrive(frame, frame * 20 * kMs);
      CHECK(playout.buffer.targetDelayUs() == (roundTripMs == 30 ? 68 * kMs : 20 * kMs));
    }
  }

  TEST_CASE("takes the round trip into its delay when followers leave too much unrepaired, and keeps it while that helps") {
    Playout playout;
    playout.repairs = true;
    playout.buffer.setRetransmissionUs(30 * kMs);
    int64_t frame = 0;
    // Two in a row: the first of them is beyond repair.
    for (; frame < 380; ++frame)
      if (frame % 20 != 7 && frame % 20 != 8) playout.arrive(frame, frame * 20 * kMs);
    CHECK(playout.buffer.targetDelayUs() == 38 * kMs);
    for (; frame < 400; ++frame)
      if (frame % 20 != 7 && frame % 20 != 8) playout.arrive(frame, frame * 20 * kMs);
    CHECK(playout.buffer.targetDelayUs() == 68 * kMs);
    for (; frame < 1'600; ++frame) {
      const bool isLost = frame % 20 == 7 || frame % 20 == 8;
      if (!isLost) playout.arrive(frame, frame * 20 * kMs);
      if (frame % 20 == 9) playout.arrive(frame - 2, frame * 20 * kMs + 5 * kMs, Origin::retransmission);
    }
    CHECK(playout.buffer.targetDelayUs() == 68 * kMs);
    // Fewer of them do not end it at once, or it would come and go.
    for (; frame < 1'600 + 1'400; ++frame)
      if (frame % 200 != 7) playout.arrive(frame, frame * 20 * kMs);
    CHECK(playout.buffer.targetDelayUs() == 68 * kMs);
    for (; frame < 1'600 + 1'600; ++frame)
      if (frame % 200 != 7) playout.arrive(frame, frame * 20 * kMs);
    CHECK(playout.buffer.targetDelayUs() == 38 * kMs);
  }

  TEST_CASE("plays a packet that came late after all, with a delay that is longer by what was concealed") {
    Playout playout;
    for (int64_t frame = 0; frame < 5; ++frame) playout.arrive(frame, frame * 20 * kMs);
    for (int64_t frame = 5; frame < 12; ++frame) playout.arrive(frame, frame * 20 * kMs + 34 * kMs);
    playout.advance(270 * kMs);
    CHECK(playout.take() == "0 1 2 3 4 m10 m10 5 6 7 8 9 10 11");
    CHECK(playout.buffer.stats().packetsLate == 0);
  }

  TEST_CASE("discards and counts what comes after its turn, and lets it count as jitter") {
    Playout playout;
    for (int64_t frame = 0; frame < 30; ++frame) {
      const bool isSlow = frame == 5 || frame == 10;
      if (!isSlow) playout.arrive(frame, frame * 20 * kMs);
      // A slow one comes when its follower is played already.
      if (frame == 7 || frame == 12) CHECK(playout.arrive(frame - 2, frame * 20 * kMs + 1) == Inserted::late);
    }
    CHECK(playout.buffer.stats().packetsLate == 2);
    CHECK(playout.buffer.spreadUs() == 45 * kMs);
    CHECK(playout.buffer.targetDelayUs() == 50 * kMs);
  }

  TEST_CASE("says how far its delay is from what jitter wants") {
    Playout playout;
    uint32_t random = 1;
    int64_t latestUs = 0;
    for (int64_t frame = 0; frame < 500; ++frame) {
      random = random * 1'664'525 + 1'013'904'223;
      latestUs = std::max(latestUs, frame * 20 * kMs + (random >> 16) % 60 * kMs);
      playout.arrive(frame, latestUs);
    }
    CHECK(playout.buffer.targetDelayUs() >= 60 * kMs);
    CHECK(playout.buffer.targetDelayUs() <= 70 * kMs);
    for (int64_t frame = 500; frame < 4'000; ++frame) playout.arrive(frame, std::max(latestUs, frame * 20 * kMs));
    CHECK(playout.buffer.targetDelayUs() == 20 * kMs);
    // Nobody stretched time here, so what the jitter had made of the delay is still there, and known.
    CHECK(playout.excessUs() >= 10 * kMs);
  }

  TEST_CASE("starts anew after a stall, with the delay that is right then") {
    Playout playout;
    playout.arrive(0, 0);
    playout.advance(500 * kMs);
    CHECK_FALSE(playout.buffer.isPlaying());
    playout.take();
    playout.arrive(25, 501 * kMs);
    playout.arrive(26, 521 * kMs);
    playout.advance(545 * kMs);
    CHECK(playout.take() == "25 26");
    CHECK(playout.lastDelayUs <= 25 * kMs);
  }

  TEST_CASE("keeps a pause in the stream (DTX) as a pause, not as loss") {
    Playout playout;
    playout.patienceUs = 1'000 * kMs;
    playout.arrive(0, 0);
    EncodedFrame after = playout.frameOf(20);
    after.sequenceNumber = static_cast<uint16_t>(65'531);
    playout.arrive(after, 400 * kMs);
    playout.advance(430 * kMs);
    CHECK(playout.buffer.stats().framesLost == 0);
    CHECK(playout.lastDelayUs == 20 * kMs);
  }

  TEST_CASE("goes on at once after a jump of the timestamp, without a gap") {
    for (const uint32_t jump : {500'000'000u, 0u - 500'000'000u, 100'000u, 0u - 5'000u}) {
      CAPTURE(jump);
      Playout playout;
      for (int64_t frame = 0; frame < 10; ++frame) {
        EncodedFrame encoded = playout.frameOf(frame);
        if (frame >= 5) encoded.timestamp += jump;
        playout.arrive(encoded, frame * 20 * kMs);
      }
      playout.advance(200 * kMs);
      CHECK(playout.take() == numbers(0, 10));
    }
  }

  TEST_CASE("goes on when the SSRC changes, and plays what was there before") {
    Playout playout;
    for (int64_t frame = 0; frame < 10; ++frame) {
      EncodedFrame encoded = playout.frameOf(frame);
      if (frame >= 5) {
        encoded.ssrc = 77;
        encoded.sequenceNumber = static_cast<uint16_t>(encoded.sequenceNumber + 12'345);
        encoded.timestamp += 99'999'999;
      }
      CHECK(playout.arrive(encoded, frame * 20 * kMs) == (frame == 5 ? Inserted::restarted : Inserted::accepted));
    }
    playout.advance(200 * kMs);
    CHECK(playout.take() == numbers(0, 10));
    CHECK(playout.buffer.stats().resets == 1);
  }

  TEST_CASE("goes on when the codec changes, whose clock counts otherwise") {
    Playout playout;
    for (int64_t frame = 0; frame < 15; ++frame) {
      EncodedFrame encoded = playout.frameOf(frame);
      if (frame >= 5 && frame < 10) {
        encoded.codec = AudioCodec::pcmu;
        encoded.timestamp = static_cast<uint32_t>(frame * 160);
      }
      CHECK(playout.arrive(encoded, frame * 20 * kMs) == Inserted::accepted);
    }
    playout.advance(300 * kMs);
    CHECK(playout.take() == numbers(0, 15));
  }

  TEST_CASE("takes a far sequence number only when the next packet agrees") {
    Playout playout;
    playout.arrive(0, 0);
    CHECK(playout.arrive(20'000, 10 * kMs) == Inserted::rejected);
    CHECK(playout.arrive(1, 20 * kMs) == Inserted::accepted);
    CHECK(playout.arrive(30'000, 40 * kMs) == Inserted::rejected);
    CHECK(playout.arrive(30'001, 60 * kMs) == Inserted::restarted);
    CHECK(playout.buffer.stats().packetsRejected == 2);
  }

  TEST_CASE("takes no earlier packet of a later time: it would wait for it") {
    Playout playout;
    for (int64_t frame = 0; frame < 50; ++frame) {
      if (frame != 20) playout.arrive(frame, frame * 20 * kMs);
      if (frame != 21) continue;
      EncodedFrame wild = playout.frameOf(20);
      wild.timestamp += 48'000 * 3'600;
      CHECK(playout.arrive(wild, frame * 20 * kMs + 1) == Inserted::rejected);
    }
    CHECK(playout.buffer.spreadUs() == 0);
    CHECK(playout.buffer.stats().packetsEmitted >= 47);
  }

  TEST_CASE("plays a copy where its packet is missing, and rather the packet where both came") {
    Playout playout(20, {40 * kMs, 400 * kMs});
    playout.arrive(0, 0);
    CHECK(playout.arrive(0, 0, Origin::copy) == Inserted::duplicate);
    playout.arrive(2, 40 * kMs);
    CHECK(playout.arrive(1, 40 * kMs, Origin::copy) == Inserted::accepted);
    playout.arrive(4, 60 * kMs);
    CHECK(playout.arrive(3, 60 * kMs, Origin::copy) == Inserted::accepted);
    CHECK(playout.arrive(3, 61 * kMs) == Inserted::accepted);
    playout.advance(120 * kMs);
    CHECK(playout.take() == "0 1 2 3 4");
    CHECK(playout.buffer.stats().copiesReceived == 3);
    CHECK(playout.buffer.stats().copiesDiscarded == 2);
    CHECK(playout.buffer.stats().packetsInserted == 4);
    CHECK(playout.buffer.stats().framesLost == 0);
  }

  TEST_CASE("takes no copy of another stream or of the future") {
    Playout playout;
    CHECK(playout.arrive(0, 0, Origin::copy) == Inserted::rejected);
    playout.arrive(1, 20 * kMs);
    CHECK(playout.arrive(2, 20 * kMs, Origin::copy) == Inserted::rejected);
    EncodedFrame other = playout.frameOf(0);
    other.ssrc = 9;
    other.origin = Origin::copy;
    CHECK(playout.arrive(other, 20 * kMs) == Inserted::rejected);
    CHECK(playout.buffer.packets() == 1);
  }

  TEST_CASE("does not take what was sent again for jitter") {
    Playout playout(20, {60 * kMs, 400 * kMs});
    for (int64_t frame = 0; frame < 100; ++frame) {
      if (frame % 10 != 5) playout.arrive(frame, frame * 20 * kMs);
      if (frame % 10 == 7)
        CHECK(playout.arrive(frame - 2, frame * 20 * kMs + 1 * kMs, Origin::retransmission) == Inserted::accepted);
    }
    CHECK(playout.buffer.spreadUs() == 0);
  }

  TEST_CASE("never holds more than its cap") {
    Playout playout(20, {20'000, 200'000});
    for (int64_t frame = 0; frame < 50; ++frame) playout.arrive(frame, 1 * kMs);
    CHECK(playout.buffer.bufferedUs() <= 200 * kMs);
    CHECK(playout.buffer.packets() == 10);
    CHECK(playout.buffer.stats().packetsSkipped == 40);
    playout.advance(30 * kMs);
    CHECK(playout.take().substr(0, 5) == "40 41");
  }

  TEST_CASE("makes room for a packet far ahead") {
    Playout playout(10, {20'000, 20'000'000});
    for (int64_t frame = 0; frame < 3; ++frame) playout.arrive(frame, 1 * kMs);
    CHECK(playout.arrive(500, 2 * kMs) == Inserted::accepted);
    CHECK(playout.buffer.packets() == 1);
  }

  TEST_CASE("refuses empty and oversized payloads") {
    JitterBuffer buffer({});
    EncodedFrame frame;
    CHECK(buffer.insert(frame, 0) == Inserted::rejected);
    const std::vector<uint8_t> large(JitterBuffer::kMaximumPayloadBytes + 1, 0x80);
    frame.payload = large;
    CHECK(buffer.insert(frame, 0) == Inserted::rejected);
    CHECK(buffer.stats().packetsRejected == 2);
  }

  TEST_CASE("tells the length of frames from their spacing when nobody says it") {
    JitterBuffer buffer({});
    Playout stream(60);
    for (int64_t frame = 0; frame < 3; ++frame) {
      EncodedFrame encoded = stream.frameOf(frame);
      encoded.duration = 0;
      buffer.insert(encoded, 0);
    }
    buffer.pop(20 * kMs, 0);
    CHECK(buffer.pop(40 * kMs, 0).duration == 2'880);
  }

  TEST_CASE("takes no frame for shorter than Opus has them") {
    Playout playout;
    EncodedFrame frame = playout.frameOf(0);
    frame.duration = 1;
    playout.buffer.insert(frame, 0);
    CHECK(playout.buffer.pop(20 * kMs, 0).duration == 120);
  }

  TEST_CASE("forgets its packets on reset and keeps its figures") {
    Playout playout;
    playout.arrive(0, 0);
    playout.buffer.reset();
    CHECK(playout.buffer.packets() == 0);
    CHECK(playout.buffer.bufferedUs() == 0);
    CHECK(playout.buffer.pop(1'000 * kMs, 0).kind == Kind::nothing);
    CHECK(playout.buffer.stats().packetsInserted == 1);
  }
}
