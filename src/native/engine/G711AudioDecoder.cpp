#include "G711AudioDecoder.hpp"

#include <speex/speex_resampler.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace troupe {

namespace {

constexpr int kRateHz = 8'000;
constexpr PcmFormat kNarrow{kRateHz, 1};
/** As in Resampler. */
constexpr int kResamplerQuality = 3;
constexpr size_t kHistorySamples = 2 * kRateHz * static_cast<size_t>(PitchFinder::kLongestPeriodUs) / 1'000'000;
constexpr size_t kMaximumPacketSamples = kRateHz / 1000 * AudioDecoder::kMaximumPacketMs;
/** From what was made up back into what was received. */
constexpr size_t kBlendSamples = kRateHz / 1000 * 5;

/** ITU-T G.711, table 2a. */
constexpr int16_t fromMuLaw(uint8_t code) {
  const int inverted = ~code & 0xff;
  const int magnitude = ((((inverted & 0x0f) << 3) + 0x84) << ((inverted & 0x70) >> 4)) - 0x84;
  return static_cast<int16_t>((inverted & 0x80) != 0 ? -magnitude : magnitude);
}

/** ITU-T G.711, table 1a. */
constexpr int16_t fromALaw(uint8_t code) {
  const int toggled = code ^ 0x55;
  const int exponent = (toggled & 0x70) >> 4;
  int magnitude = ((toggled & 0x0f) << 4) + 8;
  if (exponent > 0) magnitude = (magnitude + 0x100) << (exponent - 1);
  return static_cast<int16_t>((toggled & 0x80) != 0 ? magnitude : -magnitude);
}

template <typename Decode>
constexpr std::array<int16_t, 256> tableOf(Decode decode) {
  std::array<int16_t, 256> table{};
  for (size_t code = 0; code < table.size(); ++code) table[code] = decode(static_cast<uint8_t>(code));
  return table;
}

constexpr auto kMuLaw = tableOf(fromMuLaw);
constexpr auto kALaw = tableOf(fromALaw);

}  // namespace

G711AudioDecoder::G711AudioDecoder(AudioCodec law, PcmFormat format)
    : AudioDecoder(format), isMuLaw_(law == AudioCodec::pcmu), pitch_(kNarrow) {
  narrow_.reserve(kMaximumPacketSamples);
  history_.reserve(kHistorySamples + kMaximumPacketSamples);
  wide_.resize(static_cast<size_t>(format.rateHz / 1000 * kMaximumPacketMs) + kMaximumFrameSamples);
  if (format.rateHz == kRateHz) return;
  int error = 0;
  resampler_ = speex_resampler_init(1, kRateHz, static_cast<spx_uint32_t>(format.rateHz), kResamplerQuality, &error);
  if (resampler_ == nullptr) throw std::runtime_error(speex_resampler_strerror(error));
}

G711AudioDecoder::~G711AudioDecoder() {
  if (resampler_ != nullptr) speex_resampler_destroy(resampler_);
}

size_t G711AudioDecoder::durationAt48kHz(std::span<const uint8_t> packet) {
  return packet.size() > kMaximumPacketSamples ? 0 : packet.size() * (kMaximumRateHz / kRateHz);
}

size_t G711AudioDecoder::decode(std::span<const uint8_t> packet, std::span<int16_t> out) {
  if (packet.empty() || packet.size() > kMaximumPacketSamples) return 0;
  const auto& table = isMuLaw_ ? kMuLaw : kALaw;
  narrow_.clear();
  const size_t blended = concealed_ > 0 ? std::min(kBlendSamples, packet.size()) : 0;
  repeat(blended);
  for (size_t at = 0; at < packet.size(); ++at) {
    const int16_t sample = table[packet[at]];
    if (at >= blended) narrow_.push_back(sample);
    else narrow_[at] = static_cast<int16_t>((narrow_[at] * static_cast<int>(blended - at) +
                                             sample * static_cast<int>(at)) / static_cast<int>(blended));
  }
  if (concealed_ == 0) noise_.learn(narrow_);
  concealed_ = 0;
  remember();
  return convert(out);
}

size_t G711AudioDecoder::conceal(size_t samplesPerChannel, std::span<int16_t> out) {
  narrow_.clear();
  repeat(std::min(samplesPerChannel * kRateHz / static_cast<size_t>(format().rateHz), kMaximumPacketSamples));
  remember();
  return convert(out);
}

size_t G711AudioDecoder::recover(std::span<const uint8_t>, size_t samplesPerChannel, std::span<int16_t> out) {
  return conceal(samplesPerChannel, out);
}

void G711AudioDecoder::repeat(size_t count) {
  if (count == 0) return;
  if (concealed_ == 0) period_ = pitch_.find(history_).period;
  for (size_t at = 0; at < count; ++at, ++concealed_) narrow_.push_back(repeated());
}

int16_t G711AudioDecoder::repeated() {
  constexpr size_t kHold = kHoldUs * kRateHz / 1'000'000;
  constexpr size_t kNoise = kNoiseUs * kRateHz / 1'000'000;
  const float voice = period_ > 0 && concealed_ < kNoise ? history_[history_.size() - period_ + concealed_ % period_] : 0.0F;
  if (concealed_ <= kHold) return static_cast<int16_t>(voice);
  const float gain = std::max(0.0F, (static_cast<float>(kNoise) - static_cast<float>(concealed_)) / float{kNoise - kHold});
  // The two have nothing in common: their powers add up.
  const float sample = gain * voice + std::sqrt(1 - gain * gain) * noise_.next();
  return static_cast<int16_t>(std::clamp(sample, -32'768.0F, 32'767.0F));
}

void G711AudioDecoder::remember() {
  // While something is made up, what it repeats has to stay.
  if (concealed_ > 0) return;
  history_.insert(history_.end(), narrow_.begin(), narrow_.end());
  if (history_.size() > kHistorySamples)
    history_.erase(history_.begin(), history_.end() - static_cast<ptrdiff_t>(kHistorySamples));
}

size_t G711AudioDecoder::convert(std::span<int16_t> out) {
  const auto channels = static_cast<size_t>(format().channels);
  std::span<const int16_t> mono = narrow_;
  if (resampler_ != nullptr) {
    auto used = static_cast<spx_uint32_t>(narrow_.size());
    auto made = static_cast<spx_uint32_t>(wide_.size());
    speex_resampler_process_int(resampler_, 0, narrow_.data(), &used, wide_.data(), &made);
    mono = std::span(wide_).first(made);
  }
  const size_t count = std::min(mono.size(), out.size() / channels);
  for (size_t at = 0; at < count; ++at)
    for (size_t channel = 0; channel < channels; ++channel) out[at * channels + channel] = mono[at];
  return count;
}

}  // namespace troupe
