#pragma once

#include "Audio.hpp"

namespace troupe {

/** What changes one stream of audio, tick by tick, on the codec thread that its graph is pinned to. */
class AudioFilter {
 public:
  virtual ~AudioFilter() = default;

  /** The format that it wants to be given, of what its producer prefers. */
  virtual PcmFormat formatFor(PcmFormat preferred) const { return preferred; }
  /** Changes one tick in place. */
  virtual void process(PcmFrame& frame) = 0;
  /** Before `process`: what is played to where the stream comes from, for echo cancellation. */
  virtual void processReverse(const PcmFrame&) {}
  /** Whether it wants silent ticks too, to keep its time. */
  virtual bool wantsSilence() const { return false; }
};

}  // namespace troupe
