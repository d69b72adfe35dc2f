#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace troupe {

/**
 * Echo cancellation, noise suppression, gain control and high-pass by libwebrtc-audio-processing, of either of its
 * two generations. Frames are 10 ms of interleaved samples and are changed in place. One thread at a time.
 */
class AudioProcessor {
 public:
  struct Options {
    bool echoCancellation = false;
    bool noiseSuppression = false;
    bool gainControl = false;
    bool highPassFilter = false;
    bool operator==(const Options&) const = default;
  };

  static constexpr int kLowestRateHz = 8'000;
  static constexpr int kHighestRateHz = 48'000;
  static constexpr int kMostChannels = 2;

  explicit AudioProcessor(Options options);
  ~AudioProcessor();
  AudioProcessor(const AudioProcessor&) = delete;
  AudioProcessor& operator=(const AudioProcessor&) = delete;

  /** What the microphone heard. Throws std::invalid_argument unless it is exactly 10 ms. */
  void processStream(std::span<int16_t> samples, int rateHz, int channels);
  /** What the loudspeaker will play, before it does; for echo cancellation. */
  void processReverseStream(std::span<int16_t> samples, int rateHz, int channels);
  /** Between a frame's way into `processReverseStream` and its echo's way into `processStream`. */
  void setStreamDelayMs(int delayMs) { delayMs_ = delayMs; }

  const Options& options() const { return options_; }

 private:
  struct Implementation;

  const Options options_;
  int delayMs_ = 0;
  const std::unique_ptr<Implementation> implementation_;
};

}  // namespace troupe
