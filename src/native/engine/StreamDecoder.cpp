#include "StreamDecoder.hpp"

#include <algorithm>

namespace troupe {

namespace {

/** What waits to be taken at most; a burst beyond it loses its oldest part. */
constexpr int kMaximumReadyMs = 2 * AudioDecoder::kMaximumPacketMs;
constexpr double kQuietDbov = -55;
/** A packet this short says that there is silence until the next one (RFC 6716, section 2.1.9). */
constexpr size_t kSilencePacketBytes = 2;

size_t samplesFor(const PcmFormat& format, int ms) {
  return static_cast<size_t>(format.rateHz / 1000 * ms) * static_cast<size_t>(format.channels);
}

}  // namespace

StreamDecoder::StreamDecoder(PcmFormat format)
    : decoder_(format), scratch_(samplesFor(format, AudioDecoder::kMaximumPacketMs)) {
  ready_.reserve(samplesFor(format, kMaximumReadyMs) + scratch_.size());
}

void StreamDecoder::onPacket(std::span<const uint8_t> payload) {
  const size_t made = decoder_.decode(payload, scratch_);
  if (made == 0) {
    ++stats_.packetsBroken;
    onMissing(static_cast<uint32_t>(packetSamples_ * kMaximumRateHz / static_cast<size_t>(format().rateHz)), {});
    return;
  }
  packetSamples_ = made;
  comfort_ = payload.size() <= kSilencePacketBytes;
  concealedUs_ = 0;
  flowing_ = true;
  push(made, false);
}

void StreamDecoder::onMissing(uint32_t duration, std::span<const uint8_t> next) {
  // Opus makes up whole steps of 2.5 ms.
  const size_t step = static_cast<size_t>(format().rateHz) / 400;
  const size_t wanted = static_cast<size_t>(duration) * static_cast<size_t>(format().rateHz) / kMaximumRateHz;
  const size_t samples = std::clamp(wanted / step * step, step, scratch_.size() / static_cast<size_t>(format().channels));
  if (AudioDecoder::hasFec(next)) {
    const size_t made = decoder_.recover(next, samples, scratch_);
    if (made > 0) {
      ++stats_.packetsRecovered;
      flowing_ = true;
      push(made, false);
      return;
    }
  }
  conceal(samples);
}

void StreamDecoder::conceal(size_t samplesPerChannel) {
  if (!flowing_) return;
  const int64_t limitUs = comfort_ ? kMaximumComfortUs : kMaximumConcealUs;
  if (concealedUs_ >= limitUs) {
    flowing_ = false;
    return;
  }
  if (concealedUs_ == 0) ++stats_.concealmentEvents;
  const size_t made = decoder_.conceal(samplesPerChannel, scratch_);
  concealedUs_ += static_cast<int64_t>(samplesPerChannel) * 1'000'000 / format().rateHz;
  if (concealedUs_ >= limitUs) fade(std::span(scratch_).first(made * static_cast<size_t>(format().channels)));
  push(made, true);
}

void StreamDecoder::fade(std::span<int16_t> samples) const {
  for (size_t at = 0; at < samples.size(); ++at)
    samples[at] = static_cast<int16_t>(int64_t{samples[at]} * static_cast<int64_t>(samples.size() - at) /
                                       static_cast<int64_t>(samples.size()));
}

void StreamDecoder::push(size_t samplesPerChannel, bool concealed) {
  const size_t count = samplesPerChannel * static_cast<size_t>(format().channels);
  ready_.insert(ready_.end(), scratch_.begin(), scratch_.begin() + static_cast<ptrdiff_t>(count));
  if (concealed) {
    concealedReady_ = ready_.size();
    stats_.concealedSamples += at48kHz(samplesPerChannel);
    if (concealedUs_ >= kMaximumConcealUs) stats_.silentConcealedSamples += at48kHz(samplesPerChannel);
  }
  const size_t most = samplesFor(format(), kMaximumReadyMs);
  if (ready_.size() <= most) return;
  const size_t excess = ready_.size() - most;
  ready_.erase(ready_.begin(), ready_.begin() + static_cast<ptrdiff_t>(excess));
  concealedReady_ -= std::min(concealedReady_, excess);
}

bool StreamDecoder::take(PcmFrame& frame) {
  const size_t count = format().samples();
  // A packet whose turn moved by less than its length leaves a tick short.
  if (ready_.size() < count && flowing_) conceal(format().samplesPerChannel());
  if (ready_.size() < count) return false;
  frame.format = format();
  frame.concealed = concealedReady_ > 0;
  std::copy_n(ready_.begin(), count, frame.samples.begin());
  ready_.erase(ready_.begin(), ready_.begin() + static_cast<ptrdiff_t>(count));
  concealedReady_ -= std::min(concealedReady_, count);
  measure(frame);
  shorten();
  return true;
}

void StreamDecoder::shorten() {
  // After a tick is taken from a packet, all but that tick of it may be left. More is delay that nobody asked for.
  const size_t count = format().samples();
  const size_t expected = std::max(packetSamples_ * static_cast<size_t>(format().channels), count);
  if (ready_.size() < (quiet_ ? expected : expected + 3 * count)) return;
  ready_.erase(ready_.begin(), ready_.begin() + static_cast<ptrdiff_t>(count));
  concealedReady_ -= std::min(concealedReady_, count);
}

void StreamDecoder::measure(const PcmFrame& frame) {
  meter_.add(std::span(frame.samples).first(frame.format.samples()));
  stats_.audioLevel = meter_.linearRms();
  stats_.totalEnergy += stats_.audioLevel * stats_.audioLevel / kTicksPerSecond;
  stats_.samples += at48kHz(frame.format.samplesPerChannel());
  quiet_ = meter_.take().rmsDbov < kQuietDbov;
}

size_t StreamDecoder::at48kHz(size_t samplesPerChannel) const {
  return samplesPerChannel * static_cast<size_t>(kMaximumRateHz / format().rateHz);
}

}  // namespace troupe
