#pragma once

#include "AudioEncoder.hpp"

struct OpusEncoder;

namespace troupe {

/** One Opus encoder (RFC 6716). */
class OpusAudioEncoder final : public AudioEncoder {
 public:
  /** `rateHz` is one of Opus's own: 8, 12, 16, 24 or 48 kHz. */
  OpusAudioEncoder(int rateHz, const OpusParameters& parameters);
  ~OpusAudioEncoder() override;

  PcmFormat format() const override { return format_; }
  size_t encode(std::span<const int16_t> pcm, std::span<uint8_t> out) override;
  void setExpectedLoss(int percent) override;
  bool update(const AudioEncoding& encoding) override;

 private:
  void configure();

  const PcmFormat format_;
  OpusParameters parameters_;
  OpusEncoder* encoder_ = nullptr;
  int expectedLossPercent_ = -1;
  bool discontinuous_ = false;
};

}  // namespace troupe
