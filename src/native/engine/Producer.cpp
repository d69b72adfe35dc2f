#include "Producer.hpp"

#include <algorithm>

namespace troupe {

Producer::Output* Producer::open(PcmFormat format) {
  for (const auto& output : outputs_) {
    if (output->frame_.format == format) {
      ++output->users_;
      return output.get();
    }
  }
  auto output = std::make_unique<Output>();
  output->frame_.format = format;
  output->users_ = 1;
  outputs_.push_back(std::move(output));
  Output* opened = outputs_.back().get();
  outputsChanged();
  return opened;
}

void Producer::close(Output* output) {
  if (output == nullptr || --output->users_ > 0) return;
  std::erase_if(outputs_, [output](const auto& held) { return held.get() == output; });
  outputsChanged();
}

const PcmFrame* Producer::pull(Output& output, const Tick& tick) {
  if (producedAt_ != tick.number) {
    producedAt_ = tick.number;
    // Cleared first: a loop of producers, which binding refuses, would here hear nothing rather than never end.
    hasFrame_ = false;
    frame_.concealed = false;
    frame_.cleared = false;
    hasFrame_ = produce(tick, frame_);
  }
  if (!hasFrame_) return nullptr;
  return frame_.format == output.frame_.format ? &frame_ : convert(output, tick);
}

const PcmFrame* Producer::convert(Output& output, const Tick& tick) {
  if (output.convertedAt_ == tick.number) return &output.frame_;
  output.convertedAt_ = tick.number;
  if (!output.resampler_ || output.resamplesFrom_ != frame_.format) {
    output.resampler_ = std::make_unique<Resampler>(frame_.format, output.frame_.format);
    output.resamplesFrom_ = frame_.format;
  }
  output.resampler_->convert(frame_, output.frame_);
  return &output.frame_;
}

}  // namespace troupe
