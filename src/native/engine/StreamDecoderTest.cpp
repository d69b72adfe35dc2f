#include "StreamDecoder.hpp"

#include <doctest/doctest.h>

#include <cmath>

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
      decoder.onPacket(packet);
      REQUIRE(decoder.take(frame));
      REQUIRE(decoder.take(frame));
      CHECK_FALSE(frame.concealed);
    }
    CHECK(decoder.isFlowing());
    CHECK_FALSE(decoder.isQuiet());
    CHECK(decoder.stats().samples == 20 * kPacketUnits);
    CHECK(decoder.stats().concealedSamples == 0);
  }

  TEST_CASE("brings a lost packet back from the one after it") {
    StreamDecoder decoder(kFormat);
    const auto packets = tonePackets(20);
    PcmFrame frame;
    for (size_t at = 0; at < 18; ++at) {
      decoder.onPacket(packets[at]);
      takeAll(decoder, 2);
    }
    decoder.onMissing(kPacketUnits, packets[19]);
    REQUIRE(decoder.take(frame));
    CHECK_FALSE(frame.concealed);
    CHECK(decoder.stats().packetsRecovered == 1);
  }

  TEST_CASE("conceals for a tenth of a second, then stalls until the next packet") {
    StreamDecoder decoder(kFormat);
    const auto packets = tonePackets(12);
    for (size_t at = 0; at < 10; ++at) {
      decoder.onPacket(packets[at]);
      takeAll(decoder, 2);
    }
    CHECK(takeAll(decoder) == StreamDecoder::kMaximumConcealUs / kTickUs);
    CHECK_FALSE(decoder.isFlowing());
    CHECK(decoder.stats().concealmentEvents == 1);
    CHECK(decoder.stats().concealedSamples == 48'000 / 10);
    decoder.onMissing(kPacketUnits, {});
    CHECK(takeAll(decoder) == 0);
    decoder.onPacket(packets[11]);
    CHECK(decoder.isFlowing());
  }

  TEST_CASE("waits longer after a packet that announces silence") {
    StreamDecoder decoder(kFormat);
    const auto packets = tonePackets(10);
    for (const auto& packet : packets) {
      decoder.onPacket(packet);
      takeAll(decoder, 2);
    }
    const std::vector<uint8_t> silence{packets.back()[0]};
    decoder.onPacket(silence);
    CHECK(takeAll(decoder) >= StreamDecoder::kMaximumComfortUs / kTickUs);
  }

  TEST_CASE("conceals a packet that is not Opus and counts it") {
    StreamDecoder decoder(kFormat);
    for (const auto& packet : tonePackets(5)) {
      decoder.onPacket(packet);
      takeAll(decoder, 2);
    }
    decoder.onPacket(std::vector<uint8_t>{0xff, 0xff});
    PcmFrame frame;
    REQUIRE(decoder.take(frame));
    CHECK(frame.concealed);
    CHECK(decoder.stats().packetsBroken == 1);
  }

  TEST_CASE("loses the oldest of a burst that is too long to wait") {
    StreamDecoder decoder(kFormat);
    for (const auto& packet : tonePackets(40)) decoder.onPacket(packet);
    CHECK(takeAll(decoder, 100) <= 24 + StreamDecoder::kMaximumConcealUs / kTickUs);
  }
}
