#include "SoxResampler.hpp"

#include <soxr.h>

#include <cmath>
#include <stdexcept>
#include <string>

namespace troupe {

namespace {

/** Samples per channel beyond the exact ratio that one call may give. */
constexpr size_t kSlack = 64;

unsigned long recipeOf(SoxResampler::Quality quality) {
  switch (quality) {
    case SoxResampler::Quality::quick: return SOXR_QQ;
    case SoxResampler::Quality::low: return SOXR_LQ;
    case SoxResampler::Quality::medium: return SOXR_MQ;
    case SoxResampler::Quality::high: return SOXR_HQ;
    case SoxResampler::Quality::veryHigh: return SOXR_VHQ;
  }
  return SOXR_MQ;
}

void check(soxr_error_t error) {
  if (error != nullptr) throw std::runtime_error(std::string("soxr: ") + error);
}

}  // namespace

SoxResampler::SoxResampler(int fromHz, int toHz, int channels, Quality quality)
    : channels_(channels), ratio_(static_cast<double>(toHz) / fromHz) {
  soxr_io_spec_t io = soxr_io_spec(SOXR_INT16_I, SOXR_INT16_I);
  // Silence stays silent, and the same samples give the same samples.
  io.flags |= SOXR_NO_DITHER;
  const soxr_quality_spec_t recipe = soxr_quality_spec(recipeOf(quality), 0);
  const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
  soxr_error_t error = nullptr;
  state_ = soxr_create(fromHz, toHz, static_cast<unsigned>(channels), &error, &io, &recipe, &runtime);
  check(error);
}

SoxResampler::~SoxResampler() { soxr_delete(state_); }

void SoxResampler::push(std::span<const int16_t> samples, std::vector<int16_t>& out) {
  if (samples.empty()) return;
  process(samples.data(), samples.size() / static_cast<size_t>(channels_), out);
}

void SoxResampler::flush(std::vector<int16_t>& out) {
  process(nullptr, 0, out);
  check(soxr_clear(state_));
}

void SoxResampler::process(const int16_t* in, size_t samplesPerChannel, std::vector<int16_t>& out) {
  const auto channels = static_cast<size_t>(channels_);
  const size_t room =
      static_cast<size_t>(std::ceil(static_cast<double>(samplesPerChannel) * ratio_ + soxr_delay(state_))) + kSlack;
  // A full answer may be only a part of it: soxr is asked again, with nothing new, until it has room to spare.
  for (bool first = true;; first = false) {
    const size_t begin = out.size();
    out.resize(begin + room * channels);
    size_t used = 0;
    size_t made = 0;
    // Null means the end of input to soxr, so an empty continuation still needs an address.
    const int16_t nothing = 0;
    const int16_t* from = first || in == nullptr ? in : &nothing;
    check(soxr_process(state_, from, first ? samplesPerChannel : 0, &used, out.data() + begin, room, &made));
    out.resize(begin + made * channels);
    if (made < room) return;
  }
}

}  // namespace troupe
