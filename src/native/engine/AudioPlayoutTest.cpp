// A voice over a network of simulated time: what is heard, how late, and what was made up.
#include "AudioPlayout.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <vector>

#include "AudioEncoder.hpp"

using namespace troupe;

namespace {

constexpr int64_t kMs = 1'000;
constexpr int64_t kFrameUs = 20 * kMs;
constexpr PcmFormat kFormat{16'000, 1};

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

/** A buzz of 120 Hz and its harmonics, in syllables: like a vowel it repeats, and every step in it can be heard. */
std::vector<int16_t> vowel(int64_t frame, int rateHz) {
  std::vector<int16_t> pcm(static_cast<size_t>(rateHz / 50));
  for (size_t at = 0; at < pcm.size(); ++at) {
    const double time = static_cast<double>(frame) * 0.02 + static_cast<double>(at) / rateHz;
    double value = 0;
    for (int harmonic = 1; harmonic <= 8; ++harmonic) value += std::sin(2 * M_PI * 120 * harmonic * time) / harmonic;
    pcm[at] = static_cast<int16_t>(5'000 * (0.55 + 0.45 * std::sin(2 * M_PI * 3 * time)) * value);
  }
  return pcm;
}

struct Network {
  /** What happens to each packet: the time it comes after it was sent, or below 0 when it is lost. */
  std::function<int64_t(int64_t frame)> delayUs = [](int64_t) { return int64_t{0}; };
  /** How much faster (above 0) or slower than ours the sender's clock runs. */
  double partsPerMillion = 0;
  std::function<AudioCodec(int64_t frame)> codec = [](int64_t) { return AudioCodec::opus; };
  bool fec = true;
};

struct Heard {
  PlayoutStats stats;
  std::vector<int16_t> pcm;
  size_t silentTicks = 0;
  double meanDelayMs = 0;
  double concealedShare = 0;
};

Heard listen(int seconds, const Network& network) {
  AudioEncoding encoding;
  encoding.opus.fec = network.fec;
  encoding.opus.expectedLossPercent = network.fec ? 15 : 0;
  const auto opus = AudioEncoder::create(encoding, 16'000);
  encoding.codec = AudioEncoding::Codec::pcmu;
  const auto pcmu = AudioEncoder::create(encoding, 8'000);
  AudioPlayout playout(kFormat, {});
  std::multimap<int64_t, std::pair<EncodedFrame, std::vector<uint8_t>>> wire;
  Heard heard;
  int64_t frame = 0;
  int64_t placeTicks = 0;
  for (int64_t nowUs = 0; nowUs < seconds * 1'000 * kMs; nowUs += kTickUs) {
    while (true) {
      const auto sentUs = static_cast<int64_t>(static_cast<double>(frame * kFrameUs) * (1 - network.partsPerMillion * 1e-6));
      if (sentUs > nowUs) break;
      EncodedFrame encoded;
      encoded.ssrc = 1;
      encoded.codec = network.codec(frame);
      encoded.sequenceNumber = static_cast<uint16_t>(frame);
      const bool isOpus = encoded.codec == AudioCodec::opus;
      encoded.timestamp = static_cast<uint32_t>(placeTicks += isOpus ? 960 : 160);
      std::vector<uint8_t> bytes(1'200);
      bytes.resize(isOpus ? opus->encode(vowel(frame, 16'000), bytes) : pcmu->encode(vowel(frame, 8'000), bytes));
      encoded.duration = static_cast<uint32_t>(AudioDecoder::durationAt48kHz(encoded.codec, bytes));
      encoded.repairsPrevious = AudioDecoder::hasFec(encoded.codec, bytes);
      if (const int64_t delay = network.delayUs(frame); delay >= 0)
        wire.emplace(sentUs + delay, std::pair(encoded, std::move(bytes)));
      ++frame;
    }
    for (; !wire.empty() && wire.begin()->first <= nowUs; wire.erase(wire.begin())) {
      auto& [encoded, bytes] = wire.begin()->second;
      encoded.payload = bytes;
      playout.insert(encoded, wire.begin()->first);
    }
    PcmFrame pcm;
    if (playout.produce(nowUs, pcm)) heard.pcm.insert(heard.pcm.end(), pcm.samples.begin(), pcm.samples.begin() + 160);
    else if (!heard.pcm.empty()) ++heard.silentTicks;
  }
  heard.stats = playout.stats();
  const auto& [buffer, decoding] = heard.stats;
  heard.meanDelayMs = 1'000 * buffer.delaySecondsTimesSamples / static_cast<double>(buffer.samplesEmitted);
  heard.concealedShare = static_cast<double>(decoding.concealedSamples) / static_cast<double>(decoding.samples);
  return heard;
}

/** The largest step between two samples, past the first second. */
int steepest(const std::vector<int16_t>& pcm) {
  int most = 0;
  for (size_t at = 16'000; at < pcm.size(); ++at) most = std::max(most, std::abs(pcm[at] - pcm[at - 1]));
  return most;
}

std::function<int64_t(int64_t)> losing(double share) {
  return [share, chance = Chance()](int64_t) mutable { return chance.next() < share ? int64_t{-1} : int64_t{0}; };
}

std::function<int64_t(int64_t)> jittering(int64_t ms) {
  return [ms, chance = Chance()](int64_t) mutable { return static_cast<int64_t>(chance.next() * static_cast<double>(ms * kMs)); };
}

}  // namespace

TEST_SUITE("AudioPlayout") {
  TEST_CASE("plays a clean stream whole, with the least delay and no stretching") {
    const Heard heard = listen(30, {});
    CHECK(heard.stats.decoding.concealedSamples == 0);
    CHECK(heard.stats.decoding.samplesInserted + heard.stats.decoding.samplesRemoved == 0);
    CHECK(heard.silentTicks == 0);
    CHECK(heard.meanDelayMs <= 25);
  }

  TEST_CASE("repairs single losses by the packet after them, for less than 20 ms of delay") {
    Network network;
    network.delayUs = losing(0.05);
    const Heard heard = listen(60, network);
    CHECK(heard.stats.buffer.framesLost > 100);
    // Opus makes no second copy of what it takes for a pause in speech.
    CHECK(heard.concealedShare < 0.02);
    CHECK(heard.silentTicks == 0);
    CHECK(heard.meanDelayMs <= 40);
  }

  TEST_CASE("goes through bursts of 100 ms without falling silent") {
    Network network;
    network.delayUs = [](int64_t frame) { return frame % 100 >= 95 ? int64_t{-1} : int64_t{0}; };
    const Heard heard = listen(60, network);
    CHECK(heard.silentTicks == 0);
    // Of the 5 % that is lost, a fifth is repaired.
    CHECK(heard.concealedShare < 0.045);
  }

  TEST_CASE("hears jitter of 30 and 100 ms almost whole, for about as much delay") {
    for (const int64_t jitterMs : {30, 100}) {
      Network network;
      network.delayUs = jittering(jitterMs);
      const Heard heard = listen(60, network);
      CAPTURE(jitterMs);
      CHECK(heard.concealedShare < 0.008);
      CHECK(heard.silentTicks == 0);
      // Packets wait half the jitter on average when the slowest does not wait at all.
      CHECK(heard.meanDelayMs <= static_cast<double>(jitterMs) / 2 + 25);
    }
  }

  TEST_CASE("gets its short delay back after jitter, by taking periods out") {
    Network network;
    network.delayUs = [jitter = jittering(100)](int64_t frame) mutable { return frame < 1'000 ? jitter(frame) : int64_t{0}; };
    const Heard before = listen(20, network);
    const Heard after = listen(120, network);
    CHECK(after.stats.decoding.samplesRemoved > before.stats.decoding.samplesRemoved);
    CHECK(after.stats.buffer.packetsSkipped == 0);
    const double lateSamples = static_cast<double>(after.stats.buffer.samplesEmitted - before.stats.buffer.samplesEmitted);
    CHECK(1'000 * (after.stats.buffer.delaySecondsTimesSamples - before.stats.buffer.delaySecondsTimesSamples) / lateSamples <= 80);
    CHECK(steepest(after.pcm) < 4'000);
  }

  TEST_CASE("makes up for a path that becomes 80 ms slower and faster again") {
    Network network;
    network.delayUs = [](int64_t frame) { return frame > 500 && frame < 1'000 ? 80 * kMs : int64_t{0}; };
    const Heard heard = listen(60, network);
    CHECK(heard.stats.buffer.packetsSkipped == 0);
    CHECK(heard.silentTicks == 0);
    // 80 ms are missing once; 20 ms of delay and what the first slow packets are late are there.
    CHECK(heard.stats.decoding.concealedSamples <= 48 * 80);
    CHECK(heard.stats.decoding.samplesRemoved >= 48 * 50);
  }

  TEST_CASE("follows a clock that drifts by 200 ppm for ten minutes, without concealment or a step") {
    for (const double partsPerMillion : {-200.0, 200.0}) {
      Network network;
      network.partsPerMillion = partsPerMillion;
      network.fec = false;
      const Heard heard = listen(600, network);
      CAPTURE(partsPerMillion);
      CHECK(heard.stats.decoding.concealedSamples == 0);
      CHECK(heard.silentTicks == 0);
      CHECK(heard.stats.buffer.packetsSkipped == 0);
      CHECK(heard.meanDelayMs >= 10);
      CHECK(heard.meanDelayMs <= 32);
      // 200 ppm of ten minutes are 120 ms.
      const auto& decoding = heard.stats.decoding;
      const auto stretched = static_cast<double>(partsPerMillion > 0 ? decoding.samplesRemoved : decoding.samplesInserted);
      CHECK(stretched / 48 == doctest::Approx(120).epsilon(0.2));
      // The vowel itself has steps of about this size.
      CHECK(steepest(heard.pcm) < 4'000);
    }
  }

  TEST_CASE("hears Opus, G.711 and Opus again as one stream") {
    Network network;
    network.codec = [](int64_t frame) { return frame >= 100 && frame < 200 ? AudioCodec::pcmu : AudioCodec::opus; };
    const Heard heard = listen(6, network);
    CHECK(heard.stats.decoding.concealedSamples == 0);
    CHECK(heard.silentTicks == 0);
    CHECK(heard.pcm.size() >= 16 * (6'000 - 50));
    CHECK(steepest(heard.pcm) < 5'000);
  }

  TEST_CASE("fades out and stalls at once when the sender said goodbye, and goes on with what comes after all") {
    AudioPlayout playout(kFormat, {});
    const auto encoder = AudioEncoder::create({}, 16'000);
    PcmFrame pcm;
    std::vector<int16_t> heard;
    int64_t nowUs = 0;
    const auto play = [&](int64_t frames, int64_t first) {
      for (int64_t frame = first; frame < first + frames; ++frame) {
        std::vector<uint8_t> bytes(1'200);
        bytes.resize(encoder->encode(vowel(frame, 16'000), bytes));
        EncodedFrame encoded;
        encoded.ssrc = 1;
        encoded.sequenceNumber = static_cast<uint16_t>(frame);
        encoded.timestamp = static_cast<uint32_t>(frame * 960);
        encoded.duration = 960;
        encoded.payload = bytes;
        playout.insert(encoded, nowUs);
        for (int tick = 0; tick < 2; ++tick, nowUs += kTickUs) {
          if (playout.produce(nowUs, pcm)) heard.insert(heard.end(), pcm.samples.begin(), pcm.samples.begin() + 160);
        }
      }
    };
    play(100, 0);
    REQUIRE(playout.isFlowing());
    const uint64_t emitted = playout.stats().buffer.samplesEmitted;
    playout.end();
    int ticks = 0;
    for (; playout.isFlowing() && ticks < 200; ++ticks, nowUs += kTickUs) {
      if (playout.produce(nowUs, pcm)) heard.insert(heard.end(), pcm.samples.begin(), pcm.samples.begin() + 160);
    }
    // What waited is heard, and then a tick that fades.
    CHECK(ticks <= 6);
    CHECK(playout.stats().buffer.samplesEmitted >= emitted);
    while (playout.produce(nowUs += kTickUs, pcm)) heard.insert(heard.end(), pcm.samples.begin(), pcm.samples.begin() + 160);
    CHECK(std::abs(heard.back()) < 300);
    CHECK(steepest(heard) < 4'000);
    CHECK(playout.stats().decoding.concealedSamples == 0);
    play(20, 100);
    CHECK(playout.isFlowing());
  }

  TEST_CASE("changes its format without losing its place or its figures") {
    AudioEncoding encoding;
    const auto opus = AudioEncoder::create(encoding, 16'000);
    AudioPlayout playout({16'000, 1}, {});
    PcmFrame pcm;
    std::vector<uint8_t> bytes(1'200);
    for (int64_t frame = 0; frame < 100; ++frame) {
      EncodedFrame encoded;
      encoded.sequenceNumber = static_cast<uint16_t>(frame);
      encoded.timestamp = static_cast<uint32_t>(frame * 960);
      encoded.duration = 960;
      encoded.payload = std::span(bytes).first(opus->encode(vowel(frame, 16'000), bytes));
      playout.insert(encoded, frame * kFrameUs);
      if (frame == 50) playout.setFormat({48'000, 2});
      playout.produce(frame * kFrameUs, pcm);
      playout.produce(frame * kFrameUs + kTickUs, pcm);
    }
    CHECK(pcm.format == PcmFormat{48'000, 2});
    CHECK(playout.stats().buffer.packetsEmitted >= 98);
    CHECK(playout.stats().decoding.samples >= 960 * 96);
  }
}
