#include "DominantSpeaker.hpp"

namespace troupe {

namespace {

/** -50 dBov as a mean square: below it nobody speaks. */
constexpr float kSpeechEnergy = 32768.0F * 32768.0F * 1e-5F;
/** 3 dB: so much louder must a challenger be. */
constexpr float kLead = 2;
/** And for so long. */
constexpr int kTicksToLead = 30;
/** Share of one tick in the smoothed energy: about 200 ms. */
constexpr float kSmoothing = 0.05F;

}  // namespace

float DominantSpeaker::smooth(float before, float now) { return before + kSmoothing * (now - before); }

bool DominantSpeaker::update(std::span<const Candidate> candidates) {
  const Candidate* loudest = nullptr;
  const Candidate* speaker = nullptr;
  for (const Candidate& candidate : candidates) {
    if (loudest == nullptr || candidate.energy > loudest->energy) loudest = &candidate;
    if (candidate.id == current_) speaker = &candidate;
  }
  if (current_ != 0 && speaker == nullptr) {
    current_ = 0;
    ticksAhead_ = 0;
    return true;
  }
  const bool leads = loudest != nullptr && loudest != speaker && loudest->energy > kSpeechEnergy &&
                     (speaker == nullptr || loudest->energy > kLead * speaker->energy);
  if (!leads) {
    ticksAhead_ = 0;
    return false;
  }
  ticksAhead_ = loudest->id == challenger_ ? ticksAhead_ + 1 : 1;
  challenger_ = loudest->id;
  if (ticksAhead_ < kTicksToLead) return false;
  current_ = challenger_;
  ticksAhead_ = 0;
  return true;
}

}  // namespace troupe
