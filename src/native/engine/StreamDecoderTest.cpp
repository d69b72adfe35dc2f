#include "StreamDecoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

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

  TEST_CASE("conceals for a while, fading, then stalls until the next packet") {
    StreamDecoder decoder(kFormat);
    const auto packets = tonePackets(12);
    for (size_t at = 0; at < 10; ++at) {
      decoder.onPacket(AudioCodec::opus, packets[at]);
      takeAll(decoder, 2);
    }
    PcmFrame frame;
    int ticks = 0;
    int loudest = 0;
    for (decoder.onMissing(kPacketUnits / 2); decoder.take(frame); decoder.onMissing(kPacketUnits / 2)) {
      ++ticks;
      loudest = 0;
      for (size_t at = 0; at < kFormat.samples(); ++at) loudest = std::max(loudest, std::abs(int{frame.samples[at]}));
    }
    CHECK(ticks == StreamDecoder::kMaximumConcealUs / kTickUs);
    CHECK(loudest < 1'000);
    CHECK_FALSE(decoder.isFlowing());
    CHECK(decoder.stats().concealmentEvents == 1);
    CHECK(decoder.stats().concealedSamples == 48 * StreamDecoder::kMaximumConcealUs / 1'000);
    CHECK(decoder.stats().silentConcealedSamples == 48 * (StreamDecoder::kMaximumConcealUs - StreamDecoder::kFadeFromUs) / 1'000);
    decoder.onPacket(AudioCodec::opus, packets[11]);
    CHECK(decoder.isFlowing());
  }

  TEST_CASE("lets the noise go on after a packet that announces silence, and does not call it concealed") {
    StreamDecoder decoder(kFormat);
    const auto packets = tonePackets(10);
    for (const auto& packet : packets) {
      decoder.onPacket(AudioCodec::opus, packet);
      takeAll(decoder, 2);
    }
    decoder.onPacket(AudioCodec::opus, std::vector<uint8_t>{packets.back()[0]});
    int64_t ticks = takeAll(decoder);
    for (decoder.onMissing(kPacketUnits / 2); decoder.hasTick(); decoder.onMissing(kPacketUnits / 2)) ticks += takeAll(decoder);
    CHECK(ticks >= StreamDecoder::kMaximumComfortUs / kTickUs);
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
