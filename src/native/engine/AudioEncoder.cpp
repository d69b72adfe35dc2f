#include "AudioEncoder.hpp"

#include <opus/opus.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

namespace troupe {

namespace {

int applicationOf(OpusParameters::Application application) {
  switch (application) {
    case OpusParameters::Application::audio: return OPUS_APPLICATION_AUDIO;
    case OpusParameters::Application::lowDelay: return OPUS_APPLICATION_RESTRICTED_LOWDELAY;
    default: return OPUS_APPLICATION_VOIP;
  }
}

std::atomic<size_t> alive{0};

}  // namespace

AudioEncoder::AudioEncoder(int rateHz, const OpusParameters& parameters)
    : samplesPerChannel_(rateHz / 1000 * parameters.frameMs) {
  int error = 0;
  encoder_ = opus_encoder_create(rateHz, parameters.channels, applicationOf(parameters.application), &error);
  if (encoder_ == nullptr) throw std::runtime_error(opus_strerror(error));
  ++troupe::alive;
  opus_encoder_ctl(encoder_, OPUS_SET_BITRATE(parameters.bitRate));
  opus_encoder_ctl(encoder_, OPUS_SET_COMPLEXITY(parameters.complexity));
  opus_encoder_ctl(encoder_, OPUS_SET_INBAND_FEC(parameters.fec ? 1 : 0));
  opus_encoder_ctl(encoder_, OPUS_SET_DTX(parameters.dtx ? 1 : 0));
  setExpectedLoss(parameters.expectedLossPercent);
}

AudioEncoder::~AudioEncoder() {
  opus_encoder_destroy(encoder_);
  --troupe::alive;
}

size_t AudioEncoder::alive() { return troupe::alive; }

size_t AudioEncoder::encode(const int16_t* pcm, std::span<uint8_t> out) {
  const opus_int32 size =
      opus_encode(encoder_, pcm, samplesPerChannel_, out.data(), static_cast<opus_int32>(out.size()));
  return size > 0 ? static_cast<size_t>(size) : 0;
}

void AudioEncoder::setExpectedLoss(int percent) {
  const int bounded = std::clamp(percent, 0, 100);
  if (bounded == expectedLossPercent_) return;
  expectedLossPercent_ = bounded;
  opus_encoder_ctl(encoder_, OPUS_SET_PACKET_LOSS_PERC(bounded));
}

}  // namespace troupe
