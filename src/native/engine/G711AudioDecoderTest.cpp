#include "G711AudioDecoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "AudioEncoder.hpp"

using namespace troupe;

namespace {

constexpr size_t kPacketSamples = 160;

std::vector<int16_t> tone(size_t packet, double hz = 250) {
  std::vector<int16_t> pcm(kPacketSamples);
  for (size_t at = 0; at < pcm.size(); ++at)
    pcm[at] = static_cast<int16_t>(10'000 * std::sin(2 * M_PI * hz * static_cast<double>(packet * kPacketSamples + at) / 8'000));
  return pcm;
}

std::vector<uint8_t> encoded(AudioEncoder& encoder, const std::vector<int16_t>& pcm) {
  std::vector<uint8_t> bytes(1200);
  bytes.resize(encoder.encode(pcm, bytes));
  return bytes;
}

std::unique_ptr<AudioEncoder> encoderOf(AudioCodec law) {
  AudioEncoding encoding;
  encoding.codec = law == AudioCodec::pcmu ? AudioEncoding::Codec::pcmu : AudioEncoding::Codec::pcma;
  return AudioEncoder::create(encoding, 8'000);
}

double rms(std::span<const int16_t> pcm) {
  double sum = 0;
  for (const int16_t sample : pcm) sum += double{static_cast<double>(sample)} * sample;
  return std::sqrt(sum / static_cast<double>(pcm.size()));
}

int steepest(std::span<const int16_t> pcm) {
  int most = 0;
  for (size_t at = 1; at < pcm.size(); ++at) most = std::max(most, std::abs(pcm[at] - pcm[at - 1]));
  return most;
}

}  // namespace

TEST_SUITE("G711AudioDecoder") {
  TEST_CASE("gives the levels that G.711 has for its codes") {
    G711AudioDecoder mu(AudioCodec::pcmu, {8'000, 1});
    G711AudioDecoder a(AudioCodec::pcma, {8'000, 1});
    std::vector<int16_t> pcm(960);
    // Zero, the loudest of both signs, and the smallest steps.
    REQUIRE(mu.decode(std::vector<uint8_t>{0xff, 0x7f, 0x80, 0x00, 0xfe}, pcm) == 5);
    CHECK(std::vector<int16_t>(pcm.begin(), pcm.begin() + 5) == std::vector<int16_t>{0, 0, 32'124, -32'124, 8});
    REQUIRE(a.decode(std::vector<uint8_t>{0xd5, 0x55, 0xaa, 0x2a}, pcm) == 4);
    CHECK(std::vector<int16_t>(pcm.begin(), pcm.begin() + 4) == std::vector<int16_t>{8, -8, 32'256, -32'256});
  }

  TEST_CASE("gives a tone at every rate and in both channels") {
    for (const AudioCodec law : {AudioCodec::pcmu, AudioCodec::pcma})
      for (const PcmFormat format : {PcmFormat{8'000, 1}, PcmFormat{12'000, 1}, PcmFormat{16'000, 2}, PcmFormat{48'000, 1}}) {
        CAPTURE(format.rateHz);
        const auto encoder = encoderOf(law);
        G711AudioDecoder decoder(law, format);
        std::vector<int16_t> pcm(static_cast<size_t>(format.rateHz / 1000 * AudioDecoder::kMaximumPacketMs * format.channels));
        for (size_t packet = 0; packet < 10; ++packet)
          REQUIRE(decoder.decode(encoded(*encoder, tone(packet)), pcm) == static_cast<size_t>(format.rateHz / 50));
        const auto last = std::span(pcm).first(static_cast<size_t>(format.rateHz / 50 * format.channels));
        CHECK(rms(last) == doctest::Approx(10'000 / std::sqrt(2)).epsilon(0.05));
        if (format.channels == 2) CHECK(last[100] == last[101]);
      }
  }

  TEST_CASE("repeats the voice through a loss, fades, and comes back without a step") {
    const auto encoder = encoderOf(AudioCodec::pcmu);
    G711AudioDecoder decoder(AudioCodec::pcmu, {8'000, 1});
    std::vector<int16_t> pcm(960);
    std::vector<int16_t> heard;
    const auto keep = [&](size_t made) { heard.insert(heard.end(), pcm.begin(), pcm.begin() + static_cast<ptrdiff_t>(made)); };
    size_t packet = 0;
    for (; packet < 10; ++packet) keep(decoder.decode(encoded(*encoder, tone(packet)), pcm));
    const size_t lostAt = heard.size();
    for (int step = 0; step < 9; ++step) keep(decoder.conceal(80, pcm));
    packet += 4;
    keep(decoder.decode(encoded(*encoder, tone(packet)), pcm));
    const auto lost = std::span(heard).subspan(lostAt, 720);
    CHECK(rms(lost.first(80)) > 6'500);
    CHECK(rms(lost.last(80)) < 1'500);
    // A tone of 250 Hz and 10000 moves by 1950 a sample at most.
    CHECK(steepest(heard) < 2'300);
  }

  TEST_CASE("falls from the voice into the noise behind it, for as long as it is asked, and out of it without a step") {
    const auto encoder = encoderOf(AudioCodec::pcmu);
    G711AudioDecoder decoder(AudioCodec::pcmu, {8'000, 1});
    std::vector<int16_t> pcm(960);
    std::vector<int16_t> heard;
    uint32_t random = 1;
    const auto noisy = [&](size_t packet) {
      std::vector<int16_t> speech = packet % 100 >= 40 ? tone(packet) : std::vector<int16_t>(kPacketSamples);
      for (int16_t& sample : speech) {
        random = random * 1'664'525 + 1'013'904'223;
        sample = static_cast<int16_t>(sample + static_cast<int>(random >> 22) - 512);
      }
      return encoded(*encoder, speech);
    };
    for (size_t packet = 0; packet < 300; ++packet) decoder.decode(noisy(packet), pcm);
    const double noise = 512 / std::sqrt(3);
    for (int step = 0; step < 100; ++step) {
      const size_t made = decoder.conceal(80, pcm);
      heard.insert(heard.end(), pcm.begin(), pcm.begin() + static_cast<ptrdiff_t>(made));
    }
    for (size_t at = 1'600; at < heard.size(); at += 1'600) {
      CAPTURE(at);
      CHECK(rms(std::span(heard).subspan(at, 1'600)) == doctest::Approx(noise).epsilon(0.15));
    }
    decoder.decode(noisy(399), pcm);
    heard.insert(heard.end(), pcm.begin(), pcm.begin() + 160);
    CHECK(steepest(std::span(heard).subspan(7'200)) < 1'950 + 1'100);
  }

  TEST_CASE("has nothing to repeat before the first packet, and says how long packets are") {
    G711AudioDecoder decoder(AudioCodec::pcma, {16'000, 1});
    std::vector<int16_t> pcm(1'920);
    CHECK(decoder.conceal(160, pcm) == 160);
    CHECK(rms(std::span(pcm).first(160)) == 0);
    CHECK(decoder.decode({}, pcm) == 0);
    CHECK(decoder.decode(std::vector<uint8_t>(961), pcm) == 0);
    CHECK(AudioDecoder::durationAt48kHz(AudioCodec::pcmu, std::vector<uint8_t>(160)) == 960);
    CHECK(AudioDecoder::durationAt48kHz(AudioCodec::pcmu, std::vector<uint8_t>(961)) == 0);
    CHECK_FALSE(AudioDecoder::hasFec(AudioCodec::pcmu, std::vector<uint8_t>(160)));
  }
}
