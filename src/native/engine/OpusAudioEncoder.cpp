#include "OpusAudioEncoder.hpp"

#include <opus/opus.h>

#include <algorithm>
#include <stdexcept>

namespace troupe {

namespace {

/** A packet this short has no audio in it: the decoder is to make up background noise until the next one. */
constexpr opus_int32 kSilentPacketBytes = 2;

int applicationOf(OpusParameters::Application application) {
  switch (application) {
    case OpusParameters::Application::audio: return OPUS_APPLICATION_AUDIO;
    case OpusParameters::Application::lowDelay: return OPUS_APPLICATION_RESTRICTED_LOWDELAY;
    default: return OPUS_APPLICATION_VOIP;
  }
}

/** The widest band that a playback rate has room for (RFC 7587, section 3.1.1). */
int bandwidthFor(int playbackRateHz) {
  if (playbackRateHz <= 8'000) return OPUS_BANDWIDTH_NARROWBAND;
  if (playbackRateHz <= 12'000) return OPUS_BANDWIDTH_MEDIUMBAND;
  if (playbackRateHz <= 16'000) return OPUS_BANDWIDTH_WIDEBAND;
  if (playbackRateHz <= 24'000) return OPUS_BANDWIDTH_SUPERWIDEBAND;
  return OPUS_BANDWIDTH_FULLBAND;
}

}  // namespace

OpusAudioEncoder::OpusAudioEncoder(int rateHz, const OpusParameters& parameters)
    : format_{rateHz, parameters.channels}, parameters_(parameters) {
  int error = 0;
  encoder_ = opus_encoder_create(rateHz, parameters.channels, applicationOf(parameters.application), &error);
  if (encoder_ == nullptr) throw std::runtime_error(opus_strerror(error));
  configure();
  setExpectedLoss(parameters.expectedLossPercent);
}

OpusAudioEncoder::~OpusAudioEncoder() { opus_encoder_destroy(encoder_); }

void OpusAudioEncoder::configure() {
  opus_encoder_ctl(encoder_, OPUS_SET_BITRATE(parameters_.bitRate));
  opus_encoder_ctl(encoder_, OPUS_SET_VBR(parameters_.cbr ? 0 : 1));
  opus_encoder_ctl(encoder_, OPUS_SET_COMPLEXITY(parameters_.complexity));
  opus_encoder_ctl(encoder_, OPUS_SET_INBAND_FEC(parameters_.fec ? 1 : 0));
  opus_encoder_ctl(encoder_, OPUS_SET_DTX(parameters_.dtx ? 1 : 0));
  opus_encoder_ctl(encoder_, OPUS_SET_MAX_BANDWIDTH(bandwidthFor(parameters_.maxPlaybackRateHz)));
}

bool OpusAudioEncoder::update(const AudioEncoding& encoding) {
  const OpusParameters& next = encoding.opus;
  if (encoding.codec != AudioEncoding::Codec::opus || next.application != parameters_.application ||
      next.channels != parameters_.channels || next.frameMs != parameters_.frameMs)
    return false;
  parameters_ = next;
  configure();
  return true;
}

size_t OpusAudioEncoder::encode(std::span<const int16_t> pcm, std::span<uint8_t> out) {
  const int samplesPerChannel = static_cast<int>(pcm.size()) / format_.channels;
  const opus_int32 size =
      opus_encode(encoder_, pcm.data(), samplesPerChannel, out.data(), static_cast<opus_int32>(out.size()));
  if (size <= 0) return 0;
  // The first packet of a pause goes out, so that the far side knows it for one; the rest say nothing.
  const bool repeatsPause = discontinuous_ && size <= kSilentPacketBytes;
  discontinuous_ = parameters_.dtx && size <= kSilentPacketBytes;
  return repeatsPause ? 0 : static_cast<size_t>(size);
}

void OpusAudioEncoder::setExpectedLoss(int percent) {
  const int bounded = std::clamp(percent, 0, 100);
  if (bounded == expectedLossPercent_) return;
  expectedLossPercent_ = bounded;
  opus_encoder_ctl(encoder_, OPUS_SET_PACKET_LOSS_PERC(bounded));
}

}  // namespace troupe
