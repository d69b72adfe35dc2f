#include "StreamDecoder.hpp"

#include <algorithm>

namespace troupe {

namespace {

/** What waits to be taken at most; a burst beyond it loses its oldest part. */
constexpr int kMaximumHeldMs = 2 * AudioDecoder::kMaximumPacketMs;
constexpr int kHistoryMs = 30;
/** A packet this short says that there is silence until the next one (RFC 6716, section 2.1.9). */
constexpr size_t kSilencePacketBytes = 2;

}  // namespace

StreamDecoder::StreamDecoder(PcmFormat format, const DecodingStats& stats)
    : format_(format),
      channels_(static_cast<size_t>(format.channels)),
      scratch_(static_cast<size_t>(format.rateHz / 1000 * AudioDecoder::kMaximumPacketMs) * channels_),
      stretcher_(format),
      pitch_(format),
      stats_(stats) {
  pcm_.reserve(static_cast<size_t>(format.rateHz / 1000 * (kMaximumHeldMs + kHistoryMs)) * channels_ + 2 * scratch_.size());
}

void StreamDecoder::onPacket(AudioCodec codec, std::span<const uint8_t> payload) {
  useCodec(codec);
  const size_t made = decoder_->decode(payload, scratch_);
  if (made == 0) {
    ++stats_.packetsBroken;
    conceal(packetSamples_);
    return;
  }
  if (AudioDecoder::hasFec(codec, payload)) ++stats_.fecPackets;
  packetSamples_ = made;
  comfort_ = codec == AudioCodec::opus && payload.size() <= kSilencePacketBytes;
  concealedUs_ = 0;
  flowing_ = true;
  push(0, made, false);
}

void StreamDecoder::useCodec(AudioCodec codec) {
  if (decoder_ && codec_ == codec) return;
  joins_ = decoder_ != nullptr;
  codec_ = codec;
  decoder_ = AudioDecoder::create(codec, format_);
}

void StreamDecoder::onMissing(uint32_t duration) { conceal(samplesOf(duration)); }

void StreamDecoder::onRepair(AudioCodec codec, std::span<const uint8_t> next, uint32_t whole, uint32_t duration) {
  if (!decoder_ || codec != codec_ || !AudioDecoder::hasFec(codec, next)) return conceal(samplesOf(duration));
  const size_t made = decoder_->recover(next, samplesOf(whole), scratch_);
  if (made == 0) return conceal(samplesOf(duration));
  ++stats_.fecPacketsUsed;
  const size_t wanted = std::min(made, samplesOf(duration));
  joins_ = joins_ || wanted < made;
  concealedUs_ = 0;
  flowing_ = true;
  push(made - wanted, wanted, false);
}

void StreamDecoder::conceal(size_t samplesPerChannel) {
  if (!flowing_ || samplesPerChannel == 0) return;
  if (concealedUs_ >= kMaximumConcealUs) {
    flowing_ = false;
    return;
  }
  if (concealedUs_ == 0 && !comfort_) ++stats_.concealmentEvents;
  const size_t made = concealInto(samplesPerChannel);
  if (made == 0) {
    flowing_ = false;
    return;
  }
  fade(made);
  concealedUs_ += static_cast<int64_t>(made) * 1'000'000 / format_.rateHz;
  push(0, made, !comfort_);
}

/** Fills `scratch_` with what may stand for `samplesPerChannel`, and gives how much that is. */
size_t StreamDecoder::concealInto(size_t samplesPerChannel) {
  // A step of Opus is 2.5 ms.
  const size_t step = static_cast<size_t>(format_.rateHz) / 400;
  return decoder_->conceal(std::clamp(samplesPerChannel / step * step, step, scratch_.size() / channels_), scratch_);
}

void StreamDecoder::onEnd() {
  if (!flowing_) return;
  flowing_ = false;
  const size_t made = concealInto(format_.samplesPerChannel());
  for (size_t at = 0; at < made * channels_; ++at) {
    const auto left = static_cast<int64_t>(made - at / channels_);
    scratch_[at] = static_cast<int16_t>(scratch_[at] * left / static_cast<int64_t>(made));
  }
  push(0, made, false);
}

/** Fades `scratch_`, which begins at `concealedUs_`. */
void StreamDecoder::fade(size_t samplesPerChannel) {
  for (size_t at = 0; at < samplesPerChannel; ++at) {
    const int64_t placeUs = concealedUs_ + static_cast<int64_t>(at) * 1'000'000 / format_.rateHz;
    if (placeUs <= kFadeFromUs) continue;
    const int64_t left = std::max<int64_t>(0, kMaximumConcealUs - placeUs);
    for (size_t channel = 0; channel < channels_; ++channel) {
      int16_t& sample = scratch_[at * channels_ + channel];
      sample = static_cast<int16_t>(sample * left / (kMaximumConcealUs - kFadeFromUs));
    }
  }
}

void StreamDecoder::push(size_t first, size_t samplesPerChannel, bool concealed) {
  if (joins_) join(first, samplesPerChannel);
  joins_ = false;
  const auto begin = scratch_.begin() + static_cast<ptrdiff_t>(first * channels_);
  pcm_.insert(pcm_.end(), begin, begin + static_cast<ptrdiff_t>(samplesPerChannel * channels_));
  if (concealed) {
    concealedUpTo_ = pcm_.size() / channels_;
    stats_.concealedSamples += at48kHz(samplesPerChannel);
    if (concealedUs_ > kNoiseFromUs) stats_.silentConcealedSamples += at48kHz(samplesPerChannel);
  }
  if (held() <= mostHeld()) return;
  const size_t excess = held() - mostHeld();
  const auto oldest = pcm_.begin() + static_cast<ptrdiff_t>(played_ * channels_);
  pcm_.erase(oldest, oldest + static_cast<ptrdiff_t>(excess * channels_));
  concealedUpTo_ -= std::min(concealedUpTo_, excess);
}

/** Blends the beginning of what is new with how the old would go on if the voice repeated its last period. */
void StreamDecoder::join(size_t first, size_t samplesPerChannel) {
  const auto found = pitch_.find(pcm_);
  if (found.period == 0) return;
  const auto blended = static_cast<int64_t>(
      std::min(samplesPerChannel, static_cast<size_t>(kBlendUs * format_.rateHz / 1'000'000)));
  const int16_t* period = pcm_.data() + pcm_.size() - found.period * channels_;
  for (int64_t at = 0; at < blended; ++at) {
    for (size_t channel = 0; channel < channels_; ++channel) {
      int16_t& sample = scratch_[(first + static_cast<size_t>(at)) * channels_ + channel];
      const int64_t old = period[static_cast<size_t>(at) % found.period * channels_ + channel];
      sample = static_cast<int16_t>((old * (blended - at) + sample * at) / blended);
    }
  }
}

int64_t StreamDecoder::heldUs() const { return static_cast<int64_t>(held()) * 1'000'000 / format_.rateHz; }

bool StreamDecoder::take(PcmFrame& frame) {
  if (!hasTick()) return false;
  const size_t count = format_.samplesPerChannel();
  frame.format = format_;
  frame.concealed = concealedUpTo_ > played_;
  std::copy_n(pcm_.begin() + static_cast<ptrdiff_t>(played_ * channels_), format_.samples(), frame.samples.begin());
  played_ += count;
  const size_t history = static_cast<size_t>(format_.rateHz / 1000 * kHistoryMs);
  if (played_ > history) {
    const size_t gone = played_ - history;
    pcm_.erase(pcm_.begin(), pcm_.begin() + static_cast<ptrdiff_t>(gone * channels_));
    played_ -= gone;
    concealedUpTo_ -= std::min(concealedUpTo_, gone);
  }
  measure(frame);
  return true;
}

bool StreamDecoder::shorten(bool inHaste) {
  const size_t removed = stretcher_.shorten(pcm_, played_, inHaste);
  concealedUpTo_ -= std::min(concealedUpTo_, removed);
  stats_.samplesRemoved += at48kHz(removed);
  return removed > 0;
}

bool StreamDecoder::lengthen() {
  // What waits already is bounded, and what is made longer is not to grow for ever.
  if (held() >= mostHeld()) return false;
  const size_t inserted = stretcher_.lengthen(pcm_, played_);
  stats_.samplesInserted += at48kHz(inserted);
  return inserted > 0;
}

void StreamDecoder::measure(const PcmFrame& frame) {
  meter_.add(std::span(frame.samples).first(frame.format.samples()));
  stats_.audioLevel = meter_.linearRms();
  stats_.totalEnergy += stats_.audioLevel * stats_.audioLevel / kTicksPerSecond;
  stats_.samples += at48kHz(frame.format.samplesPerChannel());
  meter_.take();
}

size_t StreamDecoder::mostHeld() const { return static_cast<size_t>(format_.rateHz / 1000 * kMaximumHeldMs); }

size_t StreamDecoder::samplesOf(uint32_t durationAt48kHz) const {
  return static_cast<size_t>(durationAt48kHz) * static_cast<size_t>(format_.rateHz) / kMaximumRateHz;
}

size_t StreamDecoder::at48kHz(size_t samplesPerChannel) const {
  return samplesPerChannel * static_cast<size_t>(kMaximumRateHz / format_.rateHz);
}

}  // namespace troupe
