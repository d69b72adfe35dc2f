#include "SinkTap.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace troupe {

namespace {

constexpr int kSpareSamples = 8;

bool isEngineFormat(PcmFormat format) { return isPcmRate(format.rateHz) && format.channels <= kMaximumChannels; }

PcmFormat engineFormatFor(PcmFormat format) {
  if (isEngineFormat(format)) return format;
  return {kMaximumRateHz, std::min(format.channels, kMaximumChannels)};
}

size_t samplesIn(PcmFormat format, int lengthMs) {
  return static_cast<size_t>(format.rateHz) * static_cast<size_t>(lengthMs) / 1000 * static_cast<size_t>(format.channels);
}

}  // namespace

SinkTap::SinkTap(uint32_t handle, PcmFormat format, int frameMs)
    : handle_(handle),
      format_(format),
      engineFormat_(engineFormatFor(format)),
      frameSamples_(samplesIn(format, frameMs)),
      converter_(isEngineFormat(format) ? nullptr : std::make_unique<StreamConverter>(engineFormat_, format)) {
  collected_.reserve(frameSamples_ + samplesIn(format, kTickMs) + kSpareSamples * static_cast<size_t>(format.channels));
}

SinkTap::~SinkTap() { bind(nullptr); }

void SinkTap::bind(std::shared_ptr<Producer> producer) {
  if (producer_) producer_->close(output_);
  output_ = producer ? producer->open(engineFormat_) : nullptr;
  producer_ = std::move(producer);
  collected_.clear();
}

void SinkTap::run(const Tick& tick) {
  if (output_ == nullptr) return;
  const PcmFrame* frame = producer_->pull(*output_, tick);
  if (frame == nullptr && collected_.empty()) return;
  begin(tick);
  // A frame once begun is completed with silence: whoever waits for it gets it now.
  if (frame != nullptr) collect(*frame);
  else collected_.resize(frameSamples_, 0);
  while (collected_.size() >= frameSamples_) giveOut(tick);
}

void SinkTap::begin(const Tick& tick) {
  if (!collected_.empty()) return;
  beganUs_ = tick.timeUs;
  concealed_ = false;
}

void SinkTap::collect(const PcmFrame& frame) {
  concealed_ = concealed_ || frame.concealed;
  if (converter_) {
    converter_->convert(frame, collected_);
    return;
  }
  const auto begin = frame.samples.begin();
  collected_.insert(collected_.end(), begin, begin + static_cast<ptrdiff_t>(format_.samples()));
}

void SinkTap::giveOut(const Tick& tick) {
  const size_t perChannel = frameSamples_ / static_cast<size_t>(format_.channels);
  const auto end = collected_.begin() + static_cast<ptrdiff_t>(frameSamples_);
  tick.out.frame(handle_, std::span(collected_).first(frameSamples_), perChannel, beganUs_, concealed_);
  collected_.erase(collected_.begin(), end);
  // What is left over at rates of broken frames is the begin of the next one.
  beganUs_ += static_cast<int64_t>(perChannel) * 1'000'000 / format_.rateHz;
}

}  // namespace troupe
