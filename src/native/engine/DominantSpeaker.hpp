#pragma once

#include <cstdint>
#include <span>

namespace troupe {

/** Decides who of several is speaking, from their loudness; a short noise or a breath changes nothing. */
class DominantSpeaker {
 public:
  struct Candidate {
    uint32_t id = 0;
    /** Smoothed mean square of its samples. */
    float energy = 0;
  };

  /** Smooths the energy of one tick into what was before. */
  static float smooth(float before, float now);

  /** Once a tick. True when the speaker changed. */
  bool update(std::span<const Candidate> candidates);

  /** 0 while nobody has spoken, and after the one who did has left. */
  uint32_t current() const { return current_; }

 private:
  uint32_t current_ = 0;
  uint32_t challenger_ = 0;
  int ticksAhead_ = 0;
};

}  // namespace troupe
