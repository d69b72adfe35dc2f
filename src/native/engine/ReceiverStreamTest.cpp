// A receiver whose peer never gets a report from us, over a lossy network of simulated time.
#include "ReceiverStream.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <vector>

#include "AudioEncoder.hpp"
#include "Batch.hpp"
#include "RtpPacketBuilder.hpp"

using namespace troupe;

namespace {

constexpr int64_t kMs = 1'000;
constexpr int64_t kFrameUs = 20 * kMs;
constexpr uint32_t kSsrc = 7;
constexpr uint8_t kPayloadType = 111;

class Chance {
 public:
  /** From 0 to 1, the same in every run. */
  double next() {
    state_ = state_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    return static_cast<double>(state_ >> 11) / 9'007'199'254'740'992.0;
  }

 private:
  uint64_t state_ = 42;
};

/** A buzz of 120 Hz in syllables: like a vowel it repeats, so that time can be stretched. */
std::vector<int16_t> vowel(int64_t frame) {
  std::vector<int16_t> pcm(320);
  for (size_t at = 0; at < pcm.size(); ++at) {
    const double time = static_cast<double>(frame) * 0.02 + static_cast<double>(at) / 16'000;
    double value = 0;
    for (int harmonic = 1; harmonic <= 8; ++harmonic) value += std::sin(2 * M_PI * 120 * harmonic * time) / harmonic;
    pcm[at] = static_cast<int16_t>(5'000 * (0.55 + 0.45 * std::sin(2 * M_PI * 3 * time)) * value);
  }
  return pcm;
}

struct Network {
  double loss = 0;
  int64_t roundTripUs = 40 * kMs;
  bool fec = false;
  /** Where the packets lie between the ticks. */
  int64_t phaseUs = 3 * kMs;
};

struct Outcome {
  InboundStats stats;
  int64_t lost = 0;
  int64_t requested = 0;
  double concealedShare = 0;
  double meanDelayMs = 0;
};

Outcome listen(int seconds, const Network& network) {
  AudioEncoding encoding;
  encoding.opus.fec = network.fec;
  encoding.opus.expectedLossPercent = network.fec ? 10 : 0;
  const auto opus = AudioEncoder::create(encoding, 16'000);
  ReceiverOptions options;
  options.nack = true;
  options.codecs = {{kPayloadType, "opus"}};
  ReceiverStream stream(1, options, std::make_shared<PeerWire>());
  Producer::Output* output = stream.open({16'000, 1});

  std::vector<std::vector<uint8_t>> sent;
  std::multimap<int64_t, uint16_t> wire;
  Chance chance;
  Outcome outcome;
  Batch batch;
  for (int64_t tick = 0; tick * kTickUs < seconds * 1'000 * kMs; ++tick) {
    const int64_t nowUs = tick * kTickUs;
    while (static_cast<int64_t>(sent.size()) * kFrameUs + network.phaseUs <= nowUs) {
      const auto number = static_cast<uint16_t>(sent.size());
      const std::vector<int16_t> pcm = vowel(number);
      std::vector<uint8_t> bytes(kMaximumRtpPacketBytes);
      RtpPacketBuilder builder(bytes, {kPayloadType, false, number, static_cast<uint32_t>(number) * 960, kSsrc});
      bytes.resize(builder.finish(opus->encode(pcm, builder.payload())));
      sent.push_back(std::move(bytes));
      if (chance.next() < network.loss) ++outcome.lost;
      else wire.emplace(number * kFrameUs + network.phaseUs + network.roundTripUs / 2, number);
    }
    for (; !wire.empty() && wire.begin()->first <= nowUs; wire.erase(wire.begin())) {
      RtpPacket packet;
      REQUIRE(RtpPacket::parse(sent[wire.begin()->second], packet) == RtpParseError::none);
      stream.receive(packet, {}, wire.begin()->first);
    }
    std::array<uint16_t, 16> requests;
    uint32_t ssrc = 0;
    const size_t count = stream.collectNacks(nowUs, requests, ssrc);
    outcome.requested += static_cast<int64_t>(count);
    for (size_t i = 0; i < count; ++i)
      if (chance.next() >= network.loss) wire.emplace(nowUs + network.roundTripUs, requests[i]);
    stream.pull(*output, {tick, nowUs, batch});
  }
  std::vector<InboundStats> all;
  stream.appendStats(all);
  REQUIRE(all.size() == 1);
  outcome.stats = all[0];
  outcome.concealedShare = static_cast<double>(all[0].concealedSamples) / static_cast<double>(all[0].totalSamplesReceived);
  outcome.meanDelayMs = 1'000 * all[0].jitterBufferDelay / static_cast<double>(all[0].jitterBufferEmittedCount);
  stream.close(output);
  return outcome;
}

}  // namespace

TEST_SUITE("ReceiverStream") {
  TEST_CASE("has most of what is lost sent again in time, though it sends nothing that tells it the round trip") {
    for (const int64_t phaseUs : {1 * kMs, 6 * kMs}) {
      const Outcome few = listen(60, {0.01, 40 * kMs, false, phaseUs});
      const Outcome many = listen(60, {0.1, 40 * kMs, false, phaseUs});
      CAPTURE(phaseUs);
      CHECK(few.lost > 20);
      CHECK(few.stats.retransmittedPacketsReceived >= static_cast<uint64_t>(few.lost * 9 / 10));
      CHECK(few.concealedShare < 0.002);
      CHECK(many.lost > 250);
      // A tenth is lost on its way back, and there is no time to ask twice.
      CHECK(many.stats.retransmittedPacketsReceived >= static_cast<uint64_t>(many.lost * 3 / 4));
      CHECK(many.concealedShare < 0.03);
      CHECK(std::max(few.meanDelayMs, many.meanDelayMs) <= 100);
    }
  }

  TEST_CASE("asks for nothing that cannot come in time, beside what tells the round trip") {
    const Outcome far = listen(60, {0.1, 200 * kMs, false});
    CHECK(far.requested < far.lost / 5);
    CHECK(far.meanDelayMs < 40);
  }

  TEST_CASE("repairs losses by in-band FEC wherever packets lie between the ticks, and adds retransmission when that is too little") {
    for (int64_t phaseUs = 0; phaseUs < 10 * kMs; phaseUs += kMs) {
      const Outcome few = listen(60, {0.05, 40 * kMs, true, phaseUs});
      const Outcome more = listen(60, {0.1, 40 * kMs, true, phaseUs});
      CAPTURE(phaseUs);
      // Half of each loss would be concealed, were the packet after it a tick late.
      CHECK(few.concealedShare < 0.02);
      CHECK(more.concealedShare < 0.035);
      CHECK(few.meanDelayMs < 42);
    }
    const Outcome many = listen(60, {0.2, 40 * kMs, true});
    CHECK(many.stats.retransmittedPacketsReceived > static_cast<uint64_t>(many.lost / 2));
    CHECK(many.concealedShare < 0.06);
    CHECK(many.meanDelayMs < 100);
  }
}
