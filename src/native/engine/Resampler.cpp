#include "Resampler.hpp"

#include <speex/speex_resampler.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace troupe {

namespace {

/** Of 0 to 10: the lowest whose pass band keeps speech whole; higher ones cost time and delay. */
constexpr int kQuality = 3;

}  // namespace

Resampler::Resampler(PcmFormat from, PcmFormat to) : from_(from), to_(to) {
  input_.resize(kMaximumFrameSamples);
  output_.resize(2 * kMaximumFrameSamples);
  if (from.rateHz == to.rateHz) return;
  int error = 0;
  state_ = speex_resampler_init(static_cast<spx_uint32_t>(to.channels), static_cast<spx_uint32_t>(from.rateHz),
                                static_cast<spx_uint32_t>(to.rateHz), kQuality, &error);
  if (state_ == nullptr) throw std::runtime_error(speex_resampler_strerror(error));
}

Resampler::~Resampler() {
  if (state_ != nullptr) speex_resampler_destroy(state_);
}

void Resampler::convert(const PcmFrame& in, PcmFrame& out) {
  out.format = to_;
  out.concealed = in.concealed;
  out.cleared = in.cleared;
  const size_t incoming = from_.samplesPerChannel();
  if (state_ == nullptr) {
    convertChannels(in.samples.data(), incoming, out.samples.data());
    return;
  }
  convertChannels(in.samples.data(), incoming, input_.data());
  const auto channels = static_cast<size_t>(to_.channels);
  auto used = static_cast<spx_uint32_t>(incoming);
  auto made = static_cast<spx_uint32_t>(output_.size() / channels - held_);
  speex_resampler_process_interleaved_int(state_, input_.data(), &used, output_.data() + held_ * channels, &made);
  held_ += made;
  const size_t wanted = to_.samplesPerChannel();
  const size_t given = std::min(held_, wanted);
  // The filter holds back a sample or two at its very start: the shortfall goes in front, once.
  const size_t padding = (wanted - given) * channels;
  std::fill_n(out.samples.data(), padding, int16_t{0});
  std::memcpy(out.samples.data() + padding, output_.data(), given * channels * sizeof(int16_t));
  held_ -= given;
  std::memmove(output_.data(), output_.data() + given * channels, held_ * channels * sizeof(int16_t));
}

void Resampler::convertChannels(const int16_t* in, size_t samplesPerChannel, int16_t* out) const {
  if (from_.channels == to_.channels) {
    std::memcpy(out, in, samplesPerChannel * static_cast<size_t>(from_.channels) * sizeof(int16_t));
  } else if (to_.channels == 1) {
    for (size_t at = 0; at < samplesPerChannel; ++at)
      out[at] = static_cast<int16_t>((int32_t{in[2 * at]} + int32_t{in[2 * at + 1]}) / 2);
  } else {
    for (size_t at = 0; at < samplesPerChannel; ++at) out[2 * at] = out[2 * at + 1] = in[at];
  }
}

}  // namespace troupe
