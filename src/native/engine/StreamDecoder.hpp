#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "AudioDecoder.hpp"
#include "AudioLevelMeter.hpp"
#include "JitterBuffer.hpp"

namespace troupe {

/** What was decoded and made up, in samples per channel at 48 kHz where samples are counted. */
struct DecodingStats {
  uint64_t samples = 0;
  uint64_t concealedSamples = 0;
  uint64_t silentConcealedSamples = 0;
  uint64_t concealmentEvents = 0;
  uint64_t packetsRecovered = 0;
  uint64_t packetsBroken = 0;
  double audioLevel = 0;
  double totalEnergy = 0;
};

/** Turns packets and gaps into ticks of PCM: decodes, recovers, conceals for a while, then falls silent. */
class StreamDecoder {
 public:
  /** Concealment in a row; what is longer ends in silence. */
  static constexpr int64_t kMaximumConcealUs = 100'000;
  /** The same after a packet that says that silence follows (discontinuous transmission). */
  static constexpr int64_t kMaximumComfortUs = 600'000;

  explicit StreamDecoder(PcmFormat format);

  const PcmFormat& format() const { return decoder_.format(); }

  void onPacket(std::span<const uint8_t> payload);
  /** `duration` in samples per channel at 48 kHz; `next` is the packet after it, or empty. */
  void onMissing(uint32_t duration, std::span<const uint8_t> next);

  /** The next tick of PCM; false when there is nothing to hear. */
  bool take(PcmFrame& frame);

  /** False from when concealment gave up until the next packet. */
  bool isFlowing() const { return flowing_; }
  /** Whether what plays is so soft that nobody hears some of it left out. */
  bool isQuiet() const { return quiet_; }
  const DecodingStats& stats() const { return stats_; }

 private:
  void push(size_t samplesPerChannel, bool concealed);
  void conceal(size_t samplesPerChannel);
  void fade(std::span<int16_t> samples) const;
  void measure(const PcmFrame& frame);
  void shorten();
  size_t at48kHz(size_t samplesPerChannel) const;

  AudioDecoder decoder_;
  /** One packet's worth of decoded samples. */
  std::vector<int16_t> scratch_;
  std::vector<int16_t> ready_;
  /** Samples in `ready_` up to the end of what was made up last. */
  size_t concealedReady_ = 0;
  bool flowing_ = false;
  bool quiet_ = true;
  bool comfort_ = false;
  int64_t concealedUs_ = 0;
  size_t packetSamples_ = 0;
  AudioLevelMeter meter_;
  DecodingStats stats_;
};

}  // namespace troupe
