#pragma once

#include <vector>

#include "AudioDecoder.hpp"
#include "BackgroundNoise.hpp"
#include "PitchFinder.hpp"

struct SpeexResamplerState_;

namespace troupe {

/**
 * G.711, one channel of 8 kHz. The codec itself hides no loss: the last period of the voice is repeated and fades
 * (the idea of G.711 appendix I) into noise like that behind it. Too small to take a library for: the one that has it
 * (spandsp) brings a fax machine.
 */
class G711AudioDecoder final : public AudioDecoder {
 public:
  /** Repetition stays as loud for this long, and is but noise from the second one on. */
  static constexpr int64_t kHoldUs = 10'000;
  static constexpr int64_t kNoiseUs = 80'000;

  G711AudioDecoder(AudioCodec law, PcmFormat format);
  ~G711AudioDecoder() override;

  size_t decode(std::span<const uint8_t> packet, std::span<int16_t> out) override;
  size_t conceal(size_t samplesPerChannel, std::span<int16_t> out) override;
  size_t recover(std::span<const uint8_t> nextPacket, size_t samplesPerChannel, std::span<int16_t> out) override;

  static size_t durationAt48kHz(std::span<const uint8_t> packet);

 private:
  /** Appends `count` made-up samples to `narrow_`. */
  void repeat(size_t count);
  int16_t repeated();
  void remember();
  /** Converts `narrow_` to the format asked for. */
  size_t convert(std::span<int16_t> out);

  const bool isMuLaw_;
  SpeexResamplerState_* resampler_ = nullptr;
  PitchFinder pitch_;
  BackgroundNoise noise_;
  /** At 8 kHz: what is given out now, and what was last. */
  std::vector<int16_t> narrow_;
  std::vector<int16_t> history_;
  std::vector<int16_t> wide_;
  /** Samples made up in a row, and the period that is repeated. */
  size_t concealed_ = 0;
  size_t period_ = 0;
};

}  // namespace troupe
