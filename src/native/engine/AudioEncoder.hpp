#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "Audio.hpp"

struct OpusEncoder;

namespace troupe {

/** What an Opus stream is encoded with. Streams of one producer with equal parameters share an encoder. */
struct OpusParameters {
  enum class Application : uint8_t { voip, audio, lowDelay };

  int bitRate = 32'000;
  int complexity = 5;
  Application application = Application::voip;
  bool fec = true;
  int expectedLossPercent = 10;
  bool dtx = false;
  int channels = 1;
  int frameMs = 20;

  bool operator==(const OpusParameters&) const = default;
};

/** One Opus encoder (RFC 6716). */
class AudioEncoder {
 public:
  /** `rateHz` is one of Opus's own: 8, 12, 16, 24 or 48 kHz. */
  AudioEncoder(int rateHz, const OpusParameters& parameters);
  ~AudioEncoder();
  AudioEncoder(const AudioEncoder&) = delete;
  AudioEncoder& operator=(const AudioEncoder&) = delete;

  /** Encodes one packet of `frameMs`; gives its size, 0 when Opus failed. */
  size_t encode(const int16_t* pcm, std::span<uint8_t> out);

  void setExpectedLoss(int percent);

  /** Encoders that exist in this process. */
  static size_t alive();

 private:
  OpusEncoder* encoder_ = nullptr;
  const int samplesPerChannel_;
  int expectedLossPercent_ = -1;
};

}  // namespace troupe
