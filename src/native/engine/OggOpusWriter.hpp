#pragma once

#include <ogg/ogg.h>

#include <cstdint>
#include <span>
#include <vector>

struct OpusMSEncoder;

namespace troupe {

struct OggOpusOptions {
  /** Of each channel, in bit/s. */
  int bitRate = 32'000;
  /** 0 to 10 */
  int complexity = 5;
  /** 10, 20, 40 or 60 */
  int frameMs = 20;
  enum class Application { voip, audio, lowDelay } application = Application::audio;
  /** Each packet goes out in a page of its own, for whoever listens while it is written. */
  bool pagePerPacket = false;
};

/**
 * Ogg Opus (RFC 7845) of interleaved samples, page by page. Channels are encoded apart, so that nothing of one is
 * heard in another: one is plain mono, two play as left and right everywhere, more are discrete channels (mapping
 * family 255).
 */
class OggOpusWriter {
 public:
  static constexpr int kMostChannels = 32;

  /** `rateHz` is one that Opus takes. */
  OggOpusWriter(int rateHz, int channels, const OggOpusOptions& options);
  ~OggOpusWriter();
  OggOpusWriter(const OggOpusWriter&) = delete;
  OggOpusWriter& operator=(const OggOpusWriter&) = delete;

  /** Appends the pages that are full to `out`; the headers come with the first call. */
  void write(std::span<const int16_t> samples, std::vector<uint8_t>& out);
  /** Appends the rest; the file then lasts exactly as long as what was written. */
  void finish(std::vector<uint8_t>& out);

 private:
  void writeHeaders(std::vector<uint8_t>& out);
  void putHeader(std::vector<uint8_t>& packet, int64_t number, std::vector<uint8_t>& out);
  void encode(const int16_t* frame, bool last, std::vector<uint8_t>& out);
  /** Of the ticks of 48 kHz that Ogg Opus counts in. */
  int64_t ticks(int64_t samplesPerChannel) const { return samplesPerChannel * (48'000 / rateHz_); }

  const int rateHz_;
  const int channels_;
  const int frameMs_;
  const bool pagePerPacket_;
  const size_t frameSamples_;
  OpusMSEncoder* encoder_ = nullptr;
  ogg_stream_state stream_{};
  int preSkip_ = 0;
  bool begun_ = false;
  int64_t packets_ = 0;
  int64_t encodedTicks_ = 0;
  int64_t writtenTicks_ = 0;
  std::vector<int16_t> pending_;
  std::vector<uint8_t> packet_;
};

}  // namespace troupe
