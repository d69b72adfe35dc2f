#pragma once
// G.711 (ITU-T): one byte a sample, on a scale of eight segments of sixteen even steps each.

#include <array>
#include <cstdint>

namespace troupe {

enum class G711Law : uint8_t { mu, a };

namespace g711 {

inline constexpr int kRateHz = 8'000;

/** mu-law adds this before it looks for the segment, so that segments begin at powers of two (of 16 bits). */
inline constexpr int kMuLawBias = 0x84;
inline constexpr int kMuLawMaximum = 32'635;

/** The segment, 0 to 7, of a magnitude whose segment 1 begins at `1 << firstBit`. */
constexpr int segmentOf(int magnitude, int firstBit) {
  int segment = 0;
  while (segment < 7 && (magnitude >> (firstBit + segment)) != 0) ++segment;
  return segment;
}

constexpr uint8_t encodeMuLaw(int16_t sample) {
  const int magnitude = (sample < 0 ? -int{sample} : int{sample});
  const int biased = (magnitude < kMuLawMaximum ? magnitude : kMuLawMaximum) + kMuLawBias;
  const int segment = segmentOf(biased, 8);
  const int code = (sample < 0 ? 0x80 : 0) | (segment << 4) | ((biased >> (segment + 3)) & 0x0f);
  return static_cast<uint8_t>(~code);
}

constexpr int16_t decodeMuLaw(uint8_t byte) {
  const int code = ~byte & 0xff;
  const int segment = (code >> 4) & 0x07;
  const int magnitude = ((((code & 0x0f) << 3) + kMuLawBias) << segment) - kMuLawBias;
  return static_cast<int16_t>((code & 0x80) != 0 ? -magnitude : magnitude);
}

/** Even bits are inverted on the wire, so that silence has changes of level. */
inline constexpr int kALawInversion = 0x55;

constexpr uint8_t encodeALaw(int16_t sample) {
  // Negative values are one's complements: -1 is the first step below zero as 0 is the first above.
  const int magnitude = sample < 0 ? ~int{sample} : int{sample};
  const int segment = segmentOf(magnitude, 8);
  const int step = (magnitude >> (segment < 2 ? 4 : segment + 3)) & 0x0f;
  return static_cast<uint8_t>(((sample < 0 ? 0 : 0x80) | (segment << 4) | step) ^ kALawInversion);
}

constexpr int16_t decodeALaw(uint8_t byte) {
  const int code = byte ^ kALawInversion;
  const int segment = (code >> 4) & 0x07;
  const int step = ((code & 0x0f) << 4) + 8;
  const int magnitude = segment == 0 ? step : (step + 0x100) << (segment - 1);
  return static_cast<int16_t>((code & 0x80) != 0 ? magnitude : -magnitude);
}

}  // namespace g711

}  // namespace troupe
