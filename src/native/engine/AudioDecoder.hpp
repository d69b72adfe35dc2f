#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "Audio.hpp"

struct OpusDecoder;

namespace troupe {

/** One Opus decoder (RFC 6716) that gives PCM in the format asked for. */
class AudioDecoder {
 public:
  /** The longest packet that Opus has, in ms. */
  static constexpr int kMaximumPacketMs = 120;

  /** The rate is one of Opus's own: 8, 12, 16, 24 or 48 kHz. */
  explicit AudioDecoder(PcmFormat format);
  ~AudioDecoder();
  AudioDecoder(const AudioDecoder&) = delete;
  AudioDecoder& operator=(const AudioDecoder&) = delete;

  /** Gives the samples per channel made; 0 when the packet is not Opus. `out` must hold the longest packet. */
  size_t decode(std::span<const uint8_t> packet, std::span<int16_t> out);

  /** Makes up `samplesPerChannel` (a multiple of 2.5 ms) for a lost packet. */
  size_t conceal(size_t samplesPerChannel, std::span<int16_t> out);

  /** Takes the lost packet's copy out of the one after it (in-band FEC); concealment where there is none. */
  size_t recover(std::span<const uint8_t> nextPacket, size_t samplesPerChannel, std::span<int16_t> out);

  /** Samples per channel at 48 kHz that a packet holds; 0 when it is not Opus. */
  static size_t durationAt48kHz(std::span<const uint8_t> packet);

  /** True when the packet carries a second copy of the one before it. */
  static bool hasFec(std::span<const uint8_t> packet);

  const PcmFormat& format() const { return format_; }

  /** Decoders that exist in this process. */
  static size_t alive();

 private:
  size_t run(const uint8_t* packet, size_t size, std::span<int16_t> out, size_t samplesPerChannel, bool fec);

  const PcmFormat format_;
  OpusDecoder* decoder_ = nullptr;
};

}  // namespace troupe
