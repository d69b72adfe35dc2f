#pragma once
// Makes speech a little shorter or longer without a change of pitch.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "PitchFinder.hpp"

namespace troupe {

/**
 * Takes one period of the voice out of PCM, or puts one in, by blending over a whole period (waveform-similarity
 * overlap-add). One period at a time and on demand: libsonic stretches continuously, holds 31 ms back while it does,
 * and does not refuse where nothing repeats, so it would cost the delay that this is there to save.
 */
class TimeStretcher {
 public:
  /** Where speech a period apart is less alike than this, taking it out would be heard. */
  static constexpr double kLeastLikeness = 0.85;
  /** When the delay is far too long, that is the worse evil. */
  static constexpr double kLeastLikenessInHaste = 0.5;
  /** Softer than this (dBov), anything may be taken out. */
  static constexpr double kQuietDbov = -50;

  explicit TimeStretcher(PcmFormat format);

  /** PCM that is enough to find every period in, in samples per channel. */
  size_t wanted() const { return 2 * pitch_.longestPeriod(); }

  /**
   * Takes a period out of `pcm` (interleaved), from sample `from` of a channel on. Gives the samples per channel taken
   * out; 0 when nothing there repeats itself enough.
   */
  size_t shorten(std::vector<int16_t>& pcm, size_t from, bool inHaste);
  /** Puts a period in behind sample `from`; what lies before it may be repeated too. Gives the samples put in. */
  size_t lengthen(std::vector<int16_t>& pcm, size_t from);

 private:
  /** The period to work with at the end of the samples that `pcm` has from `begin` to `end`; 0 for none. */
  size_t periodAt(const std::vector<int16_t>& pcm, size_t begin, size_t end, double leastLikeness);

  const size_t channels_;
  PitchFinder pitch_;
  std::vector<int16_t> blended_;
};

}  // namespace troupe
