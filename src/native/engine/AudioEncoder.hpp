#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "Audio.hpp"

namespace troupe {

/** What an Opus stream is encoded with; of these G.711 takes the frame length alone. */
struct OpusParameters {
  enum class Application : uint8_t { voip, audio, lowDelay };

  /** bit/s */
  int bitRate = 32'000;
  /** 0 to 10. */
  int complexity = 5;
  Application application = Application::voip;
  /** In-band forward error correction: each packet carries a coarse copy of the one before it. */
  bool fec = true;
  int expectedLossPercent = 10;
  bool dtx = false;
  int channels = 1;
  /** 10, 20, 40 or 60. */
  int frameMs = 20;
  /** The rate beyond which the far side plays nothing (RFC 7587, section 6.1): bounds the audio bandwidth. */
  int maxPlaybackRateHz = kMaximumRateHz;
  /** Constant bit rate: the packets' sizes then say nothing about what was spoken. */
  bool cbr = false;

  bool operator==(const OpusParameters&) const = default;
};

/** What a stream is encoded with. Senders of one producer with equal encodings share an encoder. */
struct AudioEncoding {
  enum class Codec : uint8_t { opus, pcmu, pcma };

  Codec codec = Codec::opus;
  OpusParameters opus;

  bool operator==(const AudioEncoding&) const = default;
};

/** Turns PCM into the payloads of one codec's packets. Used by one thread at a time. */
class AudioEncoder {
 public:
  /** The encoder that an encoding asks for. `rateHz` is that of the producer: one that Opus codes by itself. */
  static std::unique_ptr<AudioEncoder> create(const AudioEncoding& encoding, int rateHz);

  virtual ~AudioEncoder();
  AudioEncoder(const AudioEncoder&) = delete;
  AudioEncoder& operator=(const AudioEncoder&) = delete;

  /** The PCM that it takes. */
  virtual PcmFormat format() const = 0;

  /**
   * Encodes the interleaved samples of one packet.
   *
   * @return bytes written to `out`; 0 when there is nothing to send (DTX) or encoding failed.
   */
  virtual size_t encode(std::span<const int16_t> pcm, std::span<uint8_t> out) = 0;

  /** How much loss to protect against, in percent. */
  virtual void setExpectedLoss(int /*percent*/) {}

  /**
   * Takes new parameters without a break in the sound.
   *
   * @return false when they need another encoder: another codec, application, channel count or frame length.
   */
  virtual bool update(const AudioEncoding& encoding) = 0;

  /** Encoders that exist in this process. */
  static size_t alive();

 protected:
  AudioEncoder();
};

}  // namespace troupe
