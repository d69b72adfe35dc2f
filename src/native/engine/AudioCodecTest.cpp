#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <vector>

#include "OpusAudioDecoder.hpp"
#include "OpusAudioEncoder.hpp"

using namespace troupe;

namespace {

std::vector<int16_t> voice(size_t samples, int rateHz, size_t offset) {
  std::vector<int16_t> pcm(samples);
  for (size_t at = 0; at < samples; ++at) {
    const double time = static_cast<double>(at + offset) / rateHz;
    pcm[at] = static_cast<int16_t>(8'000 * std::sin(2 * M_PI * 220 * time) * (0.6 + 0.4 * std::sin(2 * M_PI * 3 * time)));
  }
  return pcm;
}

/** Packets of 20 ms of the above. */
std::vector<std::vector<uint8_t>> encodeVoice(int rateHz, OpusParameters parameters, size_t count) {
  OpusAudioEncoder encoder(rateHz, parameters);
  std::vector<std::vector<uint8_t>> packets;
  for (size_t packet = 0; packet < count; ++packet) {
    const size_t samples = static_cast<size_t>(rateHz) / 50;
    std::array<uint8_t, 1200> bytes;
    const size_t size = encoder.encode(voice(samples, rateHz, packet * samples), bytes);
    packets.emplace_back(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
  }
  return packets;
}

double rms(const int16_t* samples, size_t count) {
  double sum = 0;
  for (size_t at = 0; at < count; ++at) sum += static_cast<double>(samples[at]) * samples[at];
  return std::sqrt(sum / static_cast<double>(count));
}

}  // namespace

TEST_SUITE("AudioEncoder and AudioDecoder") {
  TEST_CASE("carry a voice at every rate that Opus has") {
    for (const int in : {8'000, 12'000, 16'000, 24'000, 48'000})
      for (const int out : {8'000, 12'000, 16'000, 24'000, 48'000}) {
        CAPTURE(in);
        CAPTURE(out);
        const auto packets = encodeVoice(in, {}, 25);
        OpusAudioDecoder decoder({out, 1});
        std::vector<int16_t> pcm(static_cast<size_t>(out) * 120 / 1000);
        for (const auto& packet : packets) REQUIRE(decoder.decode(packet, pcm) == static_cast<size_t>(out) / 50);
        CHECK(rms(pcm.data(), static_cast<size_t>(out) / 50) > 1'500);
      }
  }

  TEST_CASE("put the copy of a lost packet into the next one, which brings it back") {
    OpusParameters parameters;
    parameters.expectedLossPercent = 20;
    const auto packets = encodeVoice(16'000, parameters, 30);
    REQUIRE(OpusAudioDecoder::hasFec(packets[20]));
    OpusAudioDecoder decoder({16'000, 1});
    std::vector<int16_t> pcm(1'920);
    for (size_t at = 0; at < 19; ++at) decoder.decode(packets[at], pcm);
    CHECK(decoder.recover(packets[20], 320, pcm) == 320);
    CHECK(rms(pcm.data(), 320) > 1'000);
  }

  TEST_CASE("leave the copy out when no loss is expected") {
    OpusParameters parameters;
    parameters.expectedLossPercent = 0;
    for (const auto& packet : encodeVoice(16'000, parameters, 30)) CHECK_FALSE(OpusAudioDecoder::hasFec(packet));
  }

  TEST_CASE("start to add the copy when loss is reported") {
    OpusParameters parameters;
    parameters.expectedLossPercent = 0;
    OpusAudioEncoder encoder(16'000, parameters);
    encoder.setExpectedLoss(25);
    std::array<uint8_t, 1200> bytes;
    size_t copies = 0;
    for (size_t packet = 0; packet < 20; ++packet) {
      const size_t size = encoder.encode(voice(320, 16'000, packet * 320), bytes);
      if (OpusAudioDecoder::hasFec(std::span(bytes).first(size))) ++copies;
    }
    CHECK(copies > 10);
  }

  TEST_CASE("conceal what is lost for as long as asked") {
    const auto packets = encodeVoice(48'000, {}, 10);
    OpusAudioDecoder decoder({16'000, 2});
    std::vector<int16_t> pcm(2 * 1'920);
    for (const auto& packet : packets) decoder.decode(packet, pcm);
    CHECK(decoder.conceal(160, pcm) == 160);
    CHECK(decoder.conceal(320, pcm) == 320);
  }

  TEST_CASE("give nothing for bytes that are not Opus") {
    OpusAudioDecoder decoder({16'000, 1});
    std::vector<int16_t> pcm(1'920);
    CHECK(decoder.decode({}, pcm) == 0);
    const std::array<uint8_t, 2> broken{0xff, 0xff};
    CHECK(decoder.decode(broken, pcm) == 0);
    CHECK(OpusAudioDecoder::durationAt48kHz(broken) == 0);
    CHECK_FALSE(OpusAudioDecoder::hasFec({}));
  }

  TEST_CASE("know how long a packet is") {
    for (const auto& packet : encodeVoice(48'000, {}, 2)) CHECK(OpusAudioDecoder::durationAt48kHz(packet) == 960);
  }
}
