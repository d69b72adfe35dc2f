#include "LoudnessMeter.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace troupe {

LoudnessMeter::LoudnessMeter(int rateHz, int channels)
    : channels_(channels),
      // With a histogram it needs no more memory for a day than for a minute.
      state_(ebur128_init(static_cast<unsigned>(channels), static_cast<unsigned long>(rateHz),
                          EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_TRUE_PEAK | EBUR128_MODE_HISTOGRAM)) {
  if (state_ == nullptr) throw std::runtime_error("The loudness meter could not be made");
}

LoudnessMeter::~LoudnessMeter() { ebur128_destroy(&state_); }

void LoudnessMeter::add(std::span<const int16_t> samples) {
  if (ebur128_add_frames_short(state_, samples.data(), samples.size() / static_cast<size_t>(channels_)) != EBUR128_SUCCESS)
    throw std::runtime_error("The loudness meter refused samples");
}

LoudnessMeter::Figures LoudnessMeter::figures() const {
  constexpr double kNothing = -std::numeric_limits<double>::infinity();
  Figures figures{kNothing, kNothing, kNothing, 0, kNothing};
  ebur128_loudness_momentary(state_, &figures.momentary);
  ebur128_loudness_shortterm(state_, &figures.shortTerm);
  ebur128_loudness_global(state_, &figures.integrated);
  ebur128_loudness_range(state_, &figures.range);
  double peak = 0;
  for (int channel = 0; channel < channels_; ++channel) {
    double ofChannel = 0;
    ebur128_true_peak(state_, static_cast<unsigned>(channel), &ofChannel);
    peak = std::max(peak, ofChannel);
  }
  figures.truePeak = 20 * std::log10(peak);
  return figures;
}

}  // namespace troupe
