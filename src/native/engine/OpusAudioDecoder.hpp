#pragma once

#include "AudioDecoder.hpp"

struct OpusDecoder;

namespace troupe {

/** Opus (RFC 6716) by libopus. */
class OpusAudioDecoder final : public AudioDecoder {
 public:
  explicit OpusAudioDecoder(PcmFormat format);
  ~OpusAudioDecoder() override;

  size_t decode(std::span<const uint8_t> packet, std::span<int16_t> out) override;
  size_t conceal(size_t samplesPerChannel, std::span<int16_t> out) override;
  size_t recover(std::span<const uint8_t> nextPacket, size_t samplesPerChannel, std::span<int16_t> out) override;

  static size_t durationAt48kHz(std::span<const uint8_t> packet);
  static bool hasFec(std::span<const uint8_t> packet);

 private:
  size_t run(const uint8_t* packet, size_t size, std::span<int16_t> out, size_t samplesPerChannel, bool fec);

  OpusDecoder* decoder_ = nullptr;
};

}  // namespace troupe
