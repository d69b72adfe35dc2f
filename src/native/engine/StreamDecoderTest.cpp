#include "StreamDecoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "AudioEncoder.hpp"
#include "OpusAudioEncoder.hpp"

using namespace troupe;

namespace {

constexpr PcmFormat kFormat{16'000, 1};
constexpr uint32_t kPacketUnits = 960;

std::vector<std::vector<uint8_t>> tonePackets(size_t count) {
  OpusParameters parameters;
  parameters.expectedLossPercent = 20;
  OpusAudioEncoder encoder(16'000, parameters);
  std::vector<std::vector<uint8_t>> packets;
  for (size_t packet = 0; packet < count; ++packet) {
    std::vector<int16_t> pcm(320);
    for (size_t at = 0; at < pcm.size(); ++at)
      pcm[at] = static_cast<int16_t>(9'000 * std::sin(2 * M_PI * 200 * static_cast<double>(packet * 320 + at) / 16'000));
    std::vector<uint8_t> bytes(1200);
    bytes.resize(encoder.encode(pcm, bytes));
    packets.push_back(std::move(bytes));
  }
  return packets;
}

/** A vowel with the noise of a room behind it, encoded. */
class Room {
 public:
  static constexpr double noiseDbov = -50;

  explicit Room(bool dtx = false) {
    AudioEncoding encoding;
    encoding.opus.dtx = dtx;
    opus_ = AudioEncoder::create(encoding, 16'000);
    encoding.codec = AudioEncoding::Codec::pcmu;
    pcmu_ = AudioEncoder::create(encoding, 8'000);
  }

  std::vector<uint8_t> next(bool speaks, bool isPcmu) {
    const size_t count = isPcmu ? 160 : 320;
    std::vector<int16_t> pcm(count);
    // Evenly spread noise has a third of its reach squared as power.
    const double reach = std::sqrt(3) * 32'768 * std::pow(10, noiseDbov / 20);
    for (int16_t& sample : pcm) {
      random_ = random_ * 1'664'525 + 1'013'904'223;
      double value = reach * (static_cast<double>(random_ >> 8) / (1 << 23) - 1);
      phase_ += 2 * M_PI * 200 / (static_cast<double>(count) * 50);
      // In syllables: what is steady is no voice to Opus.
      const double loudness = 4'000 * (0.55 + 0.45 * std::sin(phase_ / 70));
      if (speaks)
        for (int harmonic = 1; harmonic <= 6; ++harmonic) value += loudness * std::sin(phase_ * harmonic) / harmonic;
      sample = static_cast<int16_t>(value);
    }
    std::vector<uint8_t> bytes(1200);
    bytes.resize((isPcmu ? *pcmu_ : *opus_).encode(pcm, bytes));
    return bytes;
  }

 private:
  std::unique_ptr<AudioEncoder> opus_;
  std::unique_ptr<AudioEncoder> pcmu_;
  uint32_t random_ = 1;
  double phase_ = 0;
};

double levelOf(const PcmFrame& frame) {
  AudioLevelMeter meter;
  meter.add(std::span(frame.samples).first(frame.format.samples()));
  return meter.take().rmsDbov;
}

/** Conceals until the decoder gives up; the level of each tick, in dBov. */
std::vector<double> concealAll(StreamDecoder& decoder) {
  std::vector<double> levels;
  PcmFrame frame;
  for (decoder.onMissing(kPacketUnits / 2); decoder.take(frame); decoder.onMissing(kPacketUnits / 2))
    levels.push_back(levelOf(frame));
  return levels;
}

/** Ticks that are heard until the decoder falls silent, at most `most`. */
int takeAll(StreamDecoder& decoder, int most = 1'000) {
  PcmFrame frame;
  int taken = 0;
  while (taken < most && decoder.take(frame)) ++taken;
  return taken;
}

}  // namespace

TEST_SUITE("StreamDecoder") {
  TEST_CASE("gives two ticks for a packet of 20 ms") {
    StreamDecoder decoder(kFormat);
    PcmFrame frame;
    CHECK_FALSE(decoder.take(frame));
    for (const auto& packet : tonePackets(20)) {
      decoder.onPacket(AudioCodec::opus, packet);
      REQUIRE(decoder.take(frame));
      REQUIRE(decoder.take(frame));
      CHECK_FALSE(frame.concealed);
    }
    CHECK(decoder.isFlowing());
    CHECK(decoder.stats().samples == 20 * kPacketUnits);
    CHECK(decoder.stats().concealedSamples == 0);
  }

  TEST_CASE("brings a lost packet back from the one after it, whole or its end") {
    for (const uint32_t wanted : {kPacketUnits, kPacketUnits / 2}) {
      StreamDecoder decoder(kFormat);
      const auto packets = tonePackets(20);
      PcmFrame frame;
      for (size_t at = 0; at < 18; ++at) {
        decoder.onPacket(AudioCodec::opus, packets[at]);
        takeAll(decoder, 2);
      }
      decoder.onRepair(AudioCodec::opus, packets[19], kPacketUnits, wanted);
      CHECK(decoder.heldUs() == int64_t{wanted} * 1'000 / 48);
      REQUIRE(decoder.take(frame));
      CHECK_FALSE(frame.concealed);
      CHECK(decoder.stats().fecPacketsUsed == 1);
    }
  }

  TEST_CASE("conceals until the noise behind the voice is left, lets it go on, then fades it out and stalls") {
    for (const bool ownNoise : {false, true}) {
      CAPTURE(ownNoise);
      Room room;
      StreamDecoder decoder(kFormat);
      for (size_t packet = 0; packet < 250; ++packet) {
        const bool speaks = packet % 100 >= 40;
        decoder.onPacket(ownNoise ? AudioCodec::pcmu : AudioCodec::opus, room.next(speaks, ownNoise));
        takeAll(decoder, 2);
      }
      const std::vector<double> levels = concealAll(decoder);
      CHECK(static_cast<int64_t>(levels.size()) == StreamDecoder::kMaximumConcealUs / kTickUs);
      for (size_t tick = 20; tick < StreamDecoder::kFadeFromUs / kTickUs; ++tick) {
        CAPTURE(tick);
        CHECK(std::abs(levels[tick] - room.noiseDbov) < 6);
      }
      CHECK(levels.back() < room.noiseDbov - 20);
      CHECK_FALSE(decoder.isFlowing());
      const DecodingStats& stats = decoder.stats();
      CHECK(stats.concealmentEvents == 1);
      CHECK(stats.concealedSamples == 48 * StreamDecoder::kMaximumConcealUs / 1'000);
      CHECK(stats.silentConcealedSamples ==
            48 * (StreamDecoder::kMaximumConcealUs - StreamDecoder::kNoiseFromUs) / 1'000);
      decoder.onPacket(ownNoise ? AudioCodec::pcmu : AudioCodec::opus, room.next(false, ownNoise));
      CHECK(decoder.isFlowing());
    }
  }

  TEST_CASE("leaves the noise without a step when the voice is back") {
    Room room;
    StreamDecoder decoder(kFormat);
    for (size_t packet = 0; packet < 120; ++packet) {
      decoder.onPacket(AudioCodec::opus, room.next(packet % 100 >= 40, false));
      takeAll(decoder, 2);
    }
    PcmFrame frame;
    std::vector<int16_t> heard;
    const auto take = [&] {
      while (decoder.take(frame)) heard.insert(heard.end(), frame.samples.begin(), frame.samples.begin() + 160);
    };
    for (int step = 0; step < 40; ++step) {
      decoder.onMissing(kPacketUnits / 2);
      take();
    }
    for (int packet = 0; packet < 20; ++packet) {
      decoder.onPacket(AudioCodec::opus, room.next(true, false));
      take();
    }
    const auto steepest = [&](size_t from, size_t to) {
      int most = 0;
      for (size_t at = from; at < to; ++at) most = std::max(most, std::abs(heard[at] - heard[at - 1]));
      return most;
    };
    const size_t backAt = 40 * 160;
    CHECK(steepest(backAt, backAt + 320) <= steepest(heard.size() - 1'600, heard.size()));
  }

  TEST_CASE("lets the noise go on after a packet that announces silence, and does not call it concealed") {
    Room room(true);
    StreamDecoder decoder(kFormat);
    size_t bytes = 0;
    for (size_t packet = 0; packet < 200 && (packet < 60 || bytes > 2); ++packet) {
      const auto encoded = room.next(packet < 50, false);
      bytes = encoded.size();
      decoder.onPacket(AudioCodec::opus, encoded);
      takeAll(decoder, 2);
    }
    REQUIRE(bytes <= 2);
    // Until the next packet of a sender that is silent.
    for (int tick = 0; tick < 40; ++tick) {
      decoder.onMissing(kPacketUnits / 2);
      PcmFrame frame;
      REQUIRE(decoder.take(frame));
      CAPTURE(tick);
      CHECK_FALSE(frame.concealed);
      CHECK(std::abs(levelOf(frame) - room.noiseDbov) < 7);
    }
    CHECK(decoder.stats().concealedSamples == 0);
  }

  TEST_CASE("conceals a packet that is broken and counts it") {
    StreamDecoder decoder(kFormat);
    for (const auto& packet : tonePackets(5)) {
      decoder.onPacket(AudioCodec::opus, packet);
      takeAll(decoder, 2);
    }
    decoder.onPacket(AudioCodec::opus, std::vector<uint8_t>{0xff, 0xff});
    PcmFrame frame;
    REQUIRE(decoder.take(frame));
    CHECK(frame.concealed);
    CHECK(decoder.stats().packetsBroken == 1);
  }

  TEST_CASE("loses the oldest of a burst that is too long to wait") {
    StreamDecoder decoder(kFormat);
    for (const auto& packet : tonePackets(40)) decoder.onPacket(AudioCodec::opus, packet);
    CHECK(takeAll(decoder, 100) == 24);
  }

  TEST_CASE("makes a tone shorter and longer by whole periods, without a step in it") {
    StreamDecoder decoder(kFormat);
    const auto packets = tonePackets(60);
    std::vector<int16_t> heard;
    PcmFrame frame;
    for (size_t at = 0; at < packets.size(); ++at) {
      decoder.onPacket(AudioCodec::opus, packets[at]);
      // Two packets are kept in hand, enough to work with.
      if (at < 2) continue;
      if (at % 10 == 5) CHECK(decoder.shorten(false));
      if (at % 10 == 9) CHECK(decoder.lengthen());
      while (decoder.heldUs() > 50'000 && decoder.take(frame))
        heard.insert(heard.end(), frame.samples.begin(), frame.samples.begin() + 160);
    }
    CHECK(decoder.stats().samplesInserted > 0);
    CHECK(decoder.stats().samplesRemoved > 0);
    int steepest = 0;
    for (size_t at = 4'000; at < heard.size(); ++at) steepest = std::max(steepest, std::abs(heard[at] - heard[at - 1]));
    // A tone of 200 Hz and 9000 moves by 707 a sample at most.
    CHECK(steepest < 1'100);
  }

  TEST_CASE("goes over to another codec without a step") {
    StreamDecoder decoder(kFormat);
    std::vector<int16_t> heard;
    PcmFrame frame;
    const auto take = [&] {
      while (decoder.take(frame)) heard.insert(heard.end(), frame.samples.begin(), frame.samples.begin() + 160);
    };
    for (const auto& packet : tonePackets(20)) {
      decoder.onPacket(AudioCodec::opus, packet);
      take();
    }
    const size_t changedAt = heard.size();
    // Silence, in mu-law.
    decoder.onPacket(AudioCodec::pcmu, std::vector<uint8_t>(160, 0xff));
    take();
    REQUIRE(heard.size() == changedAt + 320);
    int steepest = 0;
    for (size_t at = changedAt - 100; at < heard.size(); ++at) steepest = std::max(steepest, std::abs(heard[at] - heard[at - 1]));
    CHECK(steepest < 1'000);
    CHECK(std::abs(heard.back()) < 100);
  }
}
