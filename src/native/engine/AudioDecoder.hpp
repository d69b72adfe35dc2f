#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "Audio.hpp"

namespace troupe {

/** The audio codecs that are decoded. */
enum class AudioCodec : uint8_t { opus, pcmu, pcma };

/** Nothing for a codec that is not decoded; `name` in lower case as in SDP. */
std::optional<AudioCodec> audioCodecOf(std::string_view name);
/** Hz of the codec's RTP clock. */
uint32_t rtpClockRateOf(AudioCodec codec);

/** One decoder, of whatever codec, that gives PCM in the format asked for. */
class AudioDecoder {
 public:
  /** The longest packet that any codec here has, in ms. */
  static constexpr int kMaximumPacketMs = 120;

  /** The format's rate is one of Opus's own: 8, 12, 16, 24 or 48 kHz. */
  static std::unique_ptr<AudioDecoder> create(AudioCodec codec, PcmFormat format);
  virtual ~AudioDecoder();
  AudioDecoder(const AudioDecoder&) = delete;
  AudioDecoder& operator=(const AudioDecoder&) = delete;

  /** Gives the samples per channel made; 0 when the packet is broken. `out` must hold the longest packet. */
  virtual size_t decode(std::span<const uint8_t> packet, std::span<int16_t> out) = 0;

  /** Makes up `samplesPerChannel` (a multiple of 2.5 ms) for a lost packet. */
  virtual size_t conceal(size_t samplesPerChannel, std::span<int16_t> out) = 0;

  /** Takes the lost packet's copy out of the one after it (in-band FEC); concealment where there is none. */
  virtual size_t recover(std::span<const uint8_t> nextPacket, size_t samplesPerChannel, std::span<int16_t> out) = 0;

  const PcmFormat& format() const { return format_; }

  /** Samples per channel at 48 kHz that a packet holds; 0 when it is broken. */
  static size_t durationAt48kHz(AudioCodec codec, std::span<const uint8_t> packet);
  /** True when the packet carries a second copy of the one before it. */
  static bool hasFec(AudioCodec codec, std::span<const uint8_t> packet);

  /** Decoders that exist in this process. */
  static size_t alive();

 protected:
  explicit AudioDecoder(PcmFormat format);

 private:
  const PcmFormat format_;
};

}  // namespace troupe
