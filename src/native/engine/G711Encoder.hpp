#pragma once

#include "AudioEncoder.hpp"
#include "G711.hpp"

namespace troupe {

/** PCMU or PCMA (RFC 3551, section 4.5.14): 8 kHz mono, 64 kbit/s, no state. */
class G711Encoder final : public AudioEncoder {
 public:
  G711Encoder(G711Law law, int frameMs) : law_(law), frameMs_(frameMs) {}

  PcmFormat format() const override { return {g711::kRateHz, 1}; }
  size_t encode(std::span<const int16_t> pcm, std::span<uint8_t> out) override;
  bool update(const AudioEncoding& encoding) override;

 private:
  const G711Law law_;
  const int frameMs_;
};

}  // namespace troupe
