#include "Mixer.hpp"

#include <algorithm>

namespace troupe {

namespace {

float meanSquare(std::span<const int32_t> samples) {
  float sum = 0;
  // One sample in four tells loudness well enough.
  for (size_t at = 0; at < samples.size(); at += 4) sum += static_cast<float>(samples[at]) * static_cast<float>(samples[at]);
  return 4 * sum / static_cast<float>(samples.size());
}

}  // namespace

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
  return limit(nullptr, limiter_, frame);
}

bool Mixer::mixWithout(uint32_t input, const Tick& tick, Limiter& limiter, PcmFrame& frame) {
  sum(tick);
  const Input* without = find(input);
  if (without != nullptr && !without->heard) without = nullptr;
  return limit(without, limiter, frame);
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
  nameSpeaker(tick);
}

void Mixer::pullInput(Input& input, const Tick& tick) {
  const PcmFrame* frame = input.producer->pull(*input.output, tick);
  input.heard = frame != nullptr;
  bool flowing = input.flowing;
  if (frame != nullptr) {
    input.concealed = frame->concealed;
    input.ramp.apply(std::span(frame->samples).first(format_.samples()), format_.channels, input.scaled);
    input.silentTicks = 0;
    input.energy = DominantSpeaker::smooth(input.energy, meanSquare(std::span(input.scaled).first(format_.samples())));
    flowing = true;
  } else {
    input.energy = DominantSpeaker::smooth(input.energy, 0);
    input.ramp.skip(format_.samplesPerChannel());
    if (++input.silentTicks >= kStarvedAfterTicks) flowing = false;
  }
  if (flowing == input.flowing) return;
  input.flowing = flowing;
  tick.out.event(RecordKind::mixerInput, handle(), input.handle, flowing ? 1 : 0);
}

bool Mixer::limit(const Input* without, Limiter& limiter, PcmFrame& frame) {
  // What the limiter still holds is part of the mix.
  if (heard_ - (without != nullptr ? 1 : 0) == 0 && !limiter.holdsSound()) return false;
  frame.format = format_;
  frame.concealed = concealed_ - (without != nullptr && without->concealed ? 1 : 0) > 0;
  const std::span<int16_t> out = std::span(frame.samples).first(format_.samples());
  if (without == nullptr) {
    limiter.process(std::span(sum_).first(out.size()), out);
    return true;
  }
  for (size_t at = 0; at < out.size(); ++at) rest_[at] = sum_[at] - without->scaled[at];
  limiter.process(std::span(rest_).first(out.size()), out);
  return true;
}

void Mixer::nameSpeaker(const Tick& tick) {
  candidates_.clear();
  for (const auto& input : inputs_) candidates_.push_back({input->handle, input->energy});
  if (speaker_.update(candidates_)) tick.out.event(RecordKind::dominantSpeaker, handle(), speaker_.current());
}

}  // namespace troupe
