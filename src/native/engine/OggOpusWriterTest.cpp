#include "OggOpusWriter.hpp"

#include <doctest/doctest.h>
#include <opus/opus_multistream.h>

#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

using namespace troupe;

namespace {

struct Decoded {
  int channels = 0;
  int family = 0;
  int64_t lastGranule = 0;
  int preSkip = 0;
  bool ended = false;
  /** Interleaved at 48 kHz, with what is skipped taken out. */
  std::vector<int16_t> pcm;
};

/** Reads a file of ours by libogg and libopus, as a player would. */
Decoded decode(std::vector<uint8_t> file) {
  Decoded decoded;
  ogg_sync_state sync;
  ogg_sync_init(&sync);
  std::memcpy(ogg_sync_buffer(&sync, static_cast<long>(file.size())), file.data(), file.size());
  ogg_sync_wrote(&sync, static_cast<long>(file.size()));
  ogg_stream_state stream{};
  OpusMSDecoder* decoder = nullptr;
  ogg_page page;
  ogg_packet packet;
  int number = 0;
  while (ogg_sync_pageout(&sync, &page) == 1) {
    if (ogg_page_bos(&page) != 0) ogg_stream_init(&stream, ogg_page_serialno(&page));
    REQUIRE(ogg_stream_pagein(&stream, &page) == 0);
    while (ogg_stream_packetout(&stream, &packet) == 1) {
      if (number == 0) {
        REQUIRE(std::memcmp(packet.packet, "OpusHead", 8) == 0);
        decoded.channels = packet.packet[9];
        decoded.preSkip = packet.packet[10] | packet.packet[11] << 8;
        decoded.family = packet.packet[18];
        std::array<unsigned char, 32> mapping{};
        for (size_t at = 0; at < mapping.size(); ++at) mapping[at] = static_cast<unsigned char>(at);
        int error = 0;
        decoder = opus_multistream_decoder_create(48'000, decoded.channels, decoded.channels, 0, mapping.data(), &error);
      } else if (number > 1) {
        std::vector<int16_t> frame(960 * static_cast<size_t>(decoded.channels));
        REQUIRE(opus_multistream_decode(decoder, packet.packet, static_cast<opus_int32>(packet.bytes), frame.data(), 960, 0) == 960);
        decoded.pcm.insert(decoded.pcm.end(), frame.begin(), frame.end());
        decoded.ended = packet.e_o_s != 0;
        if (packet.granulepos >= 0) decoded.lastGranule = packet.granulepos;
      }
      ++number;
    }
  }
  const auto channels = static_cast<size_t>(decoded.channels);
  decoded.pcm.resize(std::min(decoded.pcm.size(), static_cast<size_t>(decoded.lastGranule) * channels));
  decoded.pcm.erase(decoded.pcm.begin(), decoded.pcm.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(decoded.preSkip) * channels));
  opus_multistream_decoder_destroy(decoder);
  ogg_stream_clear(&stream);
  ogg_sync_clear(&sync);
  return decoded;
}

struct Page {
  int packets = 0;
  int64_t granule = 0;
  bool last = false;
};

std::vector<Page> pagesOf(const std::vector<uint8_t>& file) {
  std::vector<Page> pages;
  ogg_sync_state sync;
  ogg_sync_init(&sync);
  std::memcpy(ogg_sync_buffer(&sync, static_cast<long>(file.size())), file.data(), file.size());
  ogg_sync_wrote(&sync, static_cast<long>(file.size()));
  ogg_page page;
  while (ogg_sync_pageout(&sync, &page) == 1)
    pages.push_back({.packets = ogg_page_packets(&page), .granule = ogg_page_granulepos(&page), .last = ogg_page_eos(&page) != 0});
  ogg_sync_clear(&sync);
  return pages;
}

/** Tones on the channels named, silence on the others. */
std::vector<int16_t> tones(int rateHz, int channels, int loud, int lengthMs) {
  std::vector<int16_t> pcm(static_cast<size_t>(rateHz) / 1000 * static_cast<size_t>(lengthMs * channels));
  for (size_t at = static_cast<size_t>(loud); at < pcm.size(); at += static_cast<size_t>(channels))
    pcm[at] = static_cast<int16_t>(
        10'000 * std::sin(2 * std::numbers::pi * 440 * static_cast<double>(at / static_cast<size_t>(channels)) / rateHz));
  return pcm;
}

double rms(const Decoded& decoded, int channel) {
  double sum = 0;
  size_t count = 0;
  for (size_t at = static_cast<size_t>(channel); at < decoded.pcm.size(); at += static_cast<size_t>(decoded.channels), ++count)
    sum += static_cast<double>(decoded.pcm[at]) * decoded.pcm[at];
  return std::sqrt(sum / static_cast<double>(count));
}

}  // namespace

TEST_SUITE("OggOpusWriter") {
  TEST_CASE("writes a file that lasts as long as what was written, at every rate") {
    for (const int rateHz : {8'000, 16'000, 24'000, 48'000}) {
      OggOpusWriter writer(rateHz, 1, {});
      std::vector<uint8_t> file;
      const auto pcm = tones(rateHz, 1, 0, 1'234);
      for (size_t at = 0; at < pcm.size(); at += 777)
        writer.write(std::span(pcm).subspan(at, std::min<size_t>(777, pcm.size() - at)), file);
      writer.finish(file);
      const Decoded decoded = decode(file);
      CHECK(decoded.family == 0);
      CHECK(decoded.ended);
      CHECK(decoded.pcm.size() == 1'234 * 48);
      CHECK(rms(decoded, 0) == doctest::Approx(10'000 / std::numbers::sqrt2).epsilon(0.05));
    }
  }

  TEST_CASE("keeps channels apart: what one says is not heard in the other") {
    for (const int channels : {2, 5}) {
      OggOpusWriter writer(48'000, channels, {});
      std::vector<uint8_t> file;
      writer.write(tones(48'000, channels, 1, 1'000), file);
      writer.finish(file);
      const Decoded decoded = decode(file);
      CHECK(decoded.channels == channels);
      CHECK(decoded.family == (channels == 2 ? 1 : 255));
      CHECK(rms(decoded, 1) > 6'000);
      CHECK(rms(decoded, 0) < 1);
      CHECK(rms(decoded, channels - 1) == doctest::Approx(channels == 2 ? 7'071 : 0).epsilon(0.05));
    }
  }

  TEST_CASE("writes a whole file even of nothing") {
    OggOpusWriter writer(48'000, 2, {});
    std::vector<uint8_t> file;
    writer.finish(file);
    CHECK(decode(file).ended);
    CHECK(decode(file).pcm.empty());
  }

  TEST_CASE("puts each packet into a page of its own, of any length and application") {
    using Application = OggOpusOptions::Application;
    for (const auto application : {Application::voip, Application::audio, Application::lowDelay}) {
      for (const int frameMs : {10, 20, 40, 60}) {
        OggOpusWriter writer(16'000, 1, {.frameMs = frameMs, .application = application, .pagePerPacket = true});
        std::vector<uint8_t> file;
        const auto pcm = tones(16'000, 1, 0, 240);
        for (size_t at = 0; at < pcm.size(); at += 160) {
          const size_t before = file.size();
          writer.write(std::span(pcm).subspan(at, 160), file);
          const bool isFull = (at / 160 + 1) * 10 % static_cast<size_t>(frameMs) == 0;
          CHECK((file.size() > before) == (isFull || at == 0));
        }
        writer.finish(file);
        const auto pages = pagesOf(file);
        for (size_t at = 2; at < pages.size(); ++at) {
          CHECK(pages[at].packets == 1);
          CHECK(pages[at].last == (at + 1 == pages.size()));
          if (!pages[at].last) CHECK(pages[at].granule == static_cast<int64_t>(at - 1) * 48 * frameMs);
        }
        CHECK(pages.size() >= 2 + static_cast<size_t>(240 / frameMs));
      }
    }
  }
}
