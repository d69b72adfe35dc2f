#include "StreamConverter.hpp"

#include <speex/speex_resampler.h>

#include <algorithm>
#include <stdexcept>

namespace troupe {

namespace {
/** Of 0 to 10: that of the engine's other conversions is 3; here bands above speech may matter. */
constexpr int kQuality = 5;
}  // namespace

StreamConverter::StreamConverter(PcmFormat from, PcmFormat to) : from_(from), to_(to) {
  int error = 0;
  state_ = speex_resampler_init(static_cast<spx_uint32_t>(from.channels), static_cast<spx_uint32_t>(from.rateHz),
                                static_cast<spx_uint32_t>(to.rateHz), kQuality, &error);
  if (state_ == nullptr) throw std::runtime_error(speex_resampler_strerror(error));
  speex_resampler_skip_zeros(state_);
  converted_.resize((to.samplesPerChannel() + 2) * static_cast<size_t>(from.channels));
}

StreamConverter::~StreamConverter() { speex_resampler_destroy(state_); }

void StreamConverter::convert(const PcmFrame& in, std::vector<int16_t>& out) {
  const auto sourceChannels = static_cast<size_t>(from_.channels);
  const auto channels = static_cast<size_t>(to_.channels);
  auto used = static_cast<spx_uint32_t>(from_.samplesPerChannel());
  auto made = static_cast<spx_uint32_t>(converted_.size() / sourceChannels);
  speex_resampler_process_interleaved_int(state_, in.samples.data(), &used, converted_.data(), &made);
  const size_t begin = out.size();
  out.resize(begin + made * channels, 0);
  for (size_t at = 0; at < made; ++at)
    for (size_t channel = 0; channel < channels; ++channel)
      if (sourceChannels == 1 || channel < sourceChannels)
        out[begin + at * channels + channel] = converted_[at * sourceChannels + (sourceChannels == 1 ? 0 : channel)];
}

}  // namespace troupe
