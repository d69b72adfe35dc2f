#include "Mixer.hpp"

#include <algorithm>
#include <limits>

namespace troupe {

Mixer::~Mixer() {
  for (const auto& input : inputs_) input->producer->close(input->output);
}

void Mixer::addInput(uint32_t input, std::shared_ptr<Producer> producer, float gain) {
  Output* output = producer->open(format_);
  inputs_.push_back(std::make_unique<Input>(input, std::move(producer), output, gain));
}

void Mixer::setGain(uint32_t input, float gain, int rampMs) {
  if (Input* found = find(input))
    found->ramp.setTarget(gain, static_cast<size_t>(format_.rateHz) * static_cast<size_t>(rampMs) / 1000);
}

void Mixer::removeInput(uint32_t input) {
  std::erase_if(inputs_, [input](const auto& held) {
    if (held->handle != input) return false;
    held->producer->close(held->output);
    return true;
  });
}

void Mixer::removeProducer(const Producer* producer) {
  std::erase_if(inputs_, [producer](const auto& held) {
    if (held->producer.get() != producer) return false;
    held->producer->close(held->output);
    return true;
  });
}

void Mixer::appendUpstreams(std::vector<Producer*>& out) const {
  for (const auto& input : inputs_) out.push_back(input->producer.get());
}

Mixer::Input* Mixer::find(uint32_t input) {
  for (const auto& held : inputs_)
    if (held->handle == input) return held.get();
  return nullptr;
}

bool Mixer::produce(const Tick& tick, PcmFrame& frame) {
  sum(tick);
  if (heard_ == 0) return false;
  saturate(nullptr, frame);
  return true;
}

bool Mixer::mixWithout(uint32_t input, const Tick& tick, PcmFrame& frame) {
  sum(tick);
  const Input* without = find(input);
  if (without != nullptr && !without->heard) without = nullptr;
  if (heard_ - (without != nullptr ? 1 : 0) == 0) return false;
  saturate(without, frame);
  return true;
}

void Mixer::sum(const Tick& tick) {
  if (summedAt_ == tick.number) return;
  summedAt_ = tick.number;
  heard_ = 0;
  concealed_ = 0;
  std::fill_n(sum_.begin(), format_.samples(), 0);
  for (const auto& input : inputs_) {
    pullInput(*input, tick);
    if (!input->heard) continue;
    ++heard_;
    if (input->concealed) ++concealed_;
    for (size_t at = 0; at < format_.samples(); ++at) sum_[at] += input->scaled[at];
  }
}

void Mixer::pullInput(Input& input, const Tick& tick) {
  const PcmFrame* frame = input.producer->pull(*input.output, tick);
  input.heard = frame != nullptr;
  bool flowing = input.flowing;
  if (frame != nullptr) {
    input.concealed = frame->concealed;
    input.ramp.apply(std::span(frame->samples).first(format_.samples()), format_.channels, input.scaled);
    input.silentTicks = 0;
    flowing = true;
  } else {
    input.ramp.skip(format_.samplesPerChannel());
    if (++input.silentTicks >= kStarvedAfterTicks) flowing = false;
  }
  if (flowing == input.flowing) return;
  input.flowing = flowing;
  tick.out.event(RecordKind::mixerInput, handle(), input.handle, flowing ? 1 : 0);
}

void Mixer::saturate(const Input* without, PcmFrame& frame) const {
  frame.format = format_;
  frame.concealed = concealed_ - (without != nullptr && without->concealed ? 1 : 0) > 0;
  constexpr int32_t kLowest = std::numeric_limits<int16_t>::min();
  constexpr int32_t kHighest = std::numeric_limits<int16_t>::max();
  for (size_t at = 0; at < format_.samples(); ++at) {
    const int32_t sample = without != nullptr ? sum_[at] - without->scaled[at] : sum_[at];
    frame.samples[at] = static_cast<int16_t>(std::clamp(sample, kLowest, kHighest));
  }
}

}  // namespace troupe
