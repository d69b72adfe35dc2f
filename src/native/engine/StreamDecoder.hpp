#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "AudioDecoder.hpp"
#include "AudioLevelMeter.hpp"
#include "PitchFinder.hpp"
#include "TimeStretcher.hpp"

namespace troupe {

/** What was decoded and made up, in samples per channel at 48 kHz where samples are counted. */
struct DecodingStats {
  uint64_t samples = 0;
  uint64_t concealedSamples = 0;
  /** Of those, the ones after the voice had given way to noise. */
  uint64_t silentConcealedSamples = 0;
  uint64_t concealmentEvents = 0;
  uint64_t samplesInserted = 0;
  uint64_t samplesRemoved = 0;
  /** Packets that had a copy of the one before them inside (in-band FEC), and those of which it was needed. */
  uint64_t fecPackets = 0;
  uint64_t fecPacketsUsed = 0;
  uint64_t packetsBroken = 0;
  double audioLevel = 0;
  double totalEnergy = 0;
};

/**
 * Turns packets and gaps into ticks of PCM: decodes, recovers, conceals until but noise is left, then fades and falls
 * silent.
 * Joins what does not belong together (a repaired frame, another codec) by a blend, so that nothing clicks.
 */
class StreamDecoder {
 public:
  /**
   * Concealment in a row has become noise like that behind the voice by the first of these; this goes on, and fades from
   * the second to the third, which ends in silence. In discontinuous transmission libopus sends something twice a second
   * at least.
   */
  static constexpr int64_t kNoiseFromUs = 120'000;
  static constexpr int64_t kFadeFromUs = 900'000;
  static constexpr int64_t kMaximumConcealUs = 1'200'000;
  static constexpr int64_t kBlendUs = 5'000;

  /** `stats` are those of a decoder that this one replaces. */
  explicit StreamDecoder(PcmFormat format, const DecodingStats& stats = {});

  const PcmFormat& format() const { return format_; }

  void onPacket(AudioCodec codec, std::span<const uint8_t> payload);
  /** A frame that is not there; `duration` in samples per channel at 48 kHz. */
  void onMissing(uint32_t duration);
  /** The same when the packet after it is there: `whole` is what it repairs, of which the last `duration` is wanted. */
  void onRepair(AudioCodec codec, std::span<const uint8_t> next, uint32_t whole, uint32_t duration);
  /** The stream is over: fades out over a tick where it would be concealed for long, and stalls. */
  void onEnd();

  /** PCM that waits to be taken. */
  int64_t heldUs() const;
  bool hasTick() const { return held() >= format_.samplesPerChannel(); }
  /** The next tick of PCM; false when there is nothing to hear. */
  bool take(PcmFrame& frame);

  /** Whether what is held is enough to shorten any voice. */
  bool canShorten() const { return held() >= stretcher_.wanted(); }
  /** Takes one period of the voice out of what is held; false when that would be heard. */
  bool shorten(bool inHaste);
  /** Puts one in. */
  bool lengthen();

  /** False from when concealment gave up until the next packet. */
  bool isFlowing() const { return flowing_; }
  const DecodingStats& stats() const { return stats_; }

 private:
  void useCodec(AudioCodec codec);
  void push(size_t first, size_t samplesPerChannel, bool concealed);
  void conceal(size_t samplesPerChannel);
  void fade(size_t samplesPerChannel);
  size_t concealInto(size_t samplesPerChannel);
  void join(size_t first, size_t samplesPerChannel);
  void measure(const PcmFrame& frame);
  size_t held() const { return pcm_.size() / channels_ - played_; }
  size_t mostHeld() const;
  size_t samplesOf(uint32_t durationAt48kHz) const;
  size_t at48kHz(size_t samplesPerChannel) const;

  const PcmFormat format_;
  const size_t channels_;
  std::unique_ptr<AudioDecoder> decoder_;
  AudioCodec codec_ = AudioCodec::opus;
  /** One packet's worth of decoded samples. */
  std::vector<int16_t> scratch_;
  /** What was played last, for stretching and joining, and then what waits. */
  std::vector<int16_t> pcm_;
  /** Samples per channel in `pcm_` that were played. */
  size_t played_ = 0;
  /** Samples per channel in `pcm_` up to the end of what was made up last. */
  size_t concealedUpTo_ = 0;
  TimeStretcher stretcher_;
  PitchFinder pitch_;
  bool flowing_ = false;
  bool comfort_ = false;
  bool joins_ = false;
  int64_t concealedUs_ = 0;
  size_t packetSamples_ = 0;
  AudioLevelMeter meter_;
  DecodingStats stats_;
};

}  // namespace troupe
