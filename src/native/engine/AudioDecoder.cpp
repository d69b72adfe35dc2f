#include "AudioDecoder.hpp"

#include <atomic>

#include "G711AudioDecoder.hpp"
#include "OpusAudioDecoder.hpp"

namespace troupe {

namespace {

constexpr uint32_t kTelephoneRateHz = 8'000;

std::atomic<size_t> alive{0};

}  // namespace

std::optional<AudioCodec> audioCodecOf(std::string_view name) {
  if (name == "opus") return AudioCodec::opus;
  if (name == "pcmu") return AudioCodec::pcmu;
  if (name == "pcma") return AudioCodec::pcma;
  return std::nullopt;
}

uint32_t rtpClockRateOf(AudioCodec codec) { return codec == AudioCodec::opus ? kMaximumRateHz : kTelephoneRateHz; }

AudioDecoder::AudioDecoder(PcmFormat format) : format_(format) { ++troupe::alive; }

AudioDecoder::~AudioDecoder() { --troupe::alive; }

size_t AudioDecoder::alive() { return troupe::alive; }

std::unique_ptr<AudioDecoder> AudioDecoder::create(AudioCodec codec, PcmFormat format) {
  if (codec == AudioCodec::opus) return std::make_unique<OpusAudioDecoder>(format);
  return std::make_unique<G711AudioDecoder>(codec, format);
}

size_t AudioDecoder::durationAt48kHz(AudioCodec codec, std::span<const uint8_t> packet) {
  return codec == AudioCodec::opus ? OpusAudioDecoder::durationAt48kHz(packet)
                                   : G711AudioDecoder::durationAt48kHz(packet);
}

bool AudioDecoder::hasFec(AudioCodec codec, std::span<const uint8_t> packet) {
  return codec == AudioCodec::opus && OpusAudioDecoder::hasFec(packet);
}

}  // namespace troupe
