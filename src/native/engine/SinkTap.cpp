#include "SinkTap.hpp"

#include <utility>

namespace troupe {

SinkTap::SinkTap(uint32_t handle, PcmFormat format, int frameMs)
    : handle_(handle), format_(format), frameSamples_(format.samples() * static_cast<size_t>(frameMs / kTickMs)) {
  collected_.reserve(frameSamples_);
}

SinkTap::~SinkTap() { bind(nullptr); }

void SinkTap::bind(std::shared_ptr<Producer> producer) {
  if (producer_) producer_->close(output_);
  output_ = producer ? producer->open(format_) : nullptr;
  producer_ = std::move(producer);
  collected_.clear();
}

void SinkTap::run(const Tick& tick) {
  if (output_ == nullptr) return;
  const PcmFrame* frame = producer_->pull(*output_, tick);
  if (frame == nullptr && collected_.empty()) return;
  begin(tick);
  if (frame != nullptr) {
    const auto begin = frame->samples.begin();
    collected_.insert(collected_.end(), begin, begin + static_cast<ptrdiff_t>(format_.samples()));
    concealed_ = concealed_ || frame->concealed;
  } else {
    // A frame once begun is completed with silence: whoever waits for it gets it now.
    collected_.resize(frameSamples_, 0);
  }
  if (collected_.size() < frameSamples_) return;
  tick.out.frame(handle_, collected_, frameSamples_ / static_cast<size_t>(format_.channels), beganUs_, concealed_);
  collected_.clear();
}

void SinkTap::begin(const Tick& tick) {
  if (!collected_.empty()) return;
  beganUs_ = tick.timeUs;
  concealed_ = false;
}

}  // namespace troupe
