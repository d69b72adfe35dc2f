#include "AudioProcessor.hpp"

#ifdef TROUPE_AUDIO_PROCESSING_1
#include <modules/audio_processing/include/audio_processing.h>
#else
#include <webrtc/common.h>
#include <webrtc/modules/audio_processing/include/audio_processing.h>
#endif

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace troupe {

namespace {

constexpr int kFramesPerSecond = 100;
constexpr float kFullScale = 32768;

#ifdef TROUPE_AUDIO_PROCESSING_1

using Handle = rtc::scoped_refptr<webrtc::AudioProcessing>;

Handle create(const AudioProcessor::Options& options) {
  webrtc::AudioProcessing::Config config;
  config.echo_canceller.enabled = options.echoCancellation;
  config.noise_suppression.enabled = options.noiseSuppression;
  config.noise_suppression.level = webrtc::AudioProcessing::Config::NoiseSuppression::kHigh;
  config.gain_controller1.enabled = options.gainControl;
  config.gain_controller1.mode = webrtc::AudioProcessing::Config::GainController1::kAdaptiveDigital;
  config.high_pass_filter.enabled = options.highPassFilter;
  Handle handle = webrtc::AudioProcessingBuilder().Create();
  if (handle) handle->ApplyConfig(config);
  return handle;
}

#else

using Handle = std::unique_ptr<webrtc::AudioProcessing>;

Handle create(const AudioProcessor::Options& options) {
  webrtc::Config config;
  // Who streams over a network knows the delay of the echo only roughly: let the canceller find it.
  config.Set<webrtc::ExtendedFilter>(new webrtc::ExtendedFilter(true));
  config.Set<webrtc::DelayAgnostic>(new webrtc::DelayAgnostic(true));
  config.Set<webrtc::ExperimentalAgc>(new webrtc::ExperimentalAgc(false));
  Handle handle(webrtc::AudioProcessing::Create(config));
  if (!handle) return handle;
  handle->echo_cancellation()->Enable(options.echoCancellation);
  handle->echo_cancellation()->set_suppression_level(webrtc::EchoCancellation::kHighSuppression);
  handle->noise_suppression()->set_level(webrtc::NoiseSuppression::kHigh);
  handle->noise_suppression()->Enable(options.noiseSuppression);
  handle->gain_control()->set_mode(webrtc::GainControl::kAdaptiveDigital);
  handle->gain_control()->Enable(options.gainControl);
  handle->high_pass_filter()->Enable(options.highPassFilter);
  return handle;
}

#endif

/** One frame as planes of floats from -1 to 1, which both generations take at any rate. */
class Planes {
 public:
  void load(std::span<const int16_t> samples, int channels) {
    const auto count = static_cast<size_t>(channels);
    const size_t length = samples.size() / count;
    for (size_t channel = 0; channel < count; ++channel) {
      planes_[channel].resize(length);
      pointers_[channel] = planes_[channel].data();
      for (size_t at = 0; at < length; ++at)
        planes_[channel][at] = static_cast<float>(samples[at * count + channel]) / kFullScale;
    }
  }

  void store(std::span<int16_t> samples, int channels) const {
    const auto count = static_cast<size_t>(channels);
    for (size_t at = 0; at < samples.size(); ++at) {
      const float scaled = planes_[at % count][at / count] * kFullScale;
      samples[at] = static_cast<int16_t>(std::lrint(std::clamp(scaled, -kFullScale, kFullScale - 1)));
    }
  }

  float* const* data() { return pointers_.data(); }

 private:
  std::array<std::vector<float>, AudioProcessor::kMostChannels> planes_;
  std::array<float*, AudioProcessor::kMostChannels> pointers_{};
};

void requireFrame(size_t samples, int rateHz, int channels) {
  if (rateHz < AudioProcessor::kLowestRateHz || rateHz > AudioProcessor::kHighestRateHz || rateHz % kFramesPerSecond != 0)
    throw std::invalid_argument("Expected a whole number of hundreds from 8000 to 48000 for the sample rate");
  if (channels < 1 || channels > AudioProcessor::kMostChannels)
    throw std::invalid_argument("Expected 1 or 2 channels");
  const auto expected = static_cast<size_t>(rateHz / kFramesPerSecond * channels);
  if (samples != expected)
    throw std::invalid_argument("Expected 10 ms, which are " + std::to_string(expected) + " samples, but received " +
                                std::to_string(samples));
}

void check(int error) {
  // Values above -13 are errors; that one warns of a delay beyond 500 ms, which is clamped.
  if (error != 0 && error != webrtc::AudioProcessing::kBadStreamParameterWarning)
    throw std::runtime_error("Audio processing failed with " + std::to_string(error));
}

}  // namespace

struct AudioProcessor::Implementation {
  Handle handle;
  Planes planes;
};

AudioProcessor::AudioProcessor(Options options)
    : options_(options), implementation_(std::make_unique<Implementation>()) {
  implementation_->handle = create(options);
  if (!implementation_->handle) throw std::runtime_error("Audio processing could not be made");
}

AudioProcessor::~AudioProcessor() = default;

void AudioProcessor::processStream(std::span<int16_t> samples, int rateHz, int channels) {
  requireFrame(samples.size(), rateHz, channels);
  auto& [handle, planes] = *implementation_;
  planes.load(samples, channels);
  // The library forgets it with each frame.
  if (options_.echoCancellation) check(handle->set_stream_delay_ms(delayMs_));
  const webrtc::StreamConfig config(rateHz, channels);
  check(handle->ProcessStream(planes.data(), config, config, planes.data()));
  planes.store(samples, channels);
}

void AudioProcessor::processReverseStream(std::span<int16_t> samples, int rateHz, int channels) {
  requireFrame(samples.size(), rateHz, channels);
  auto& [handle, planes] = *implementation_;
  planes.load(samples, channels);
  const webrtc::StreamConfig config(rateHz, channels);
  check(handle->ProcessReverseStream(planes.data(), config, config, planes.data()));
  planes.store(samples, channels);
}

}  // namespace troupe
