#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "DominantSpeaker.hpp"
#include "GainRamp.hpp"
#include "Limiter.hpp"
#include "Producer.hpp"

namespace troupe {

/**
 * The sum of its inputs, each with a gain, in 32 bits and then through a limiter. It also says which inputs starve
 * and who of them speaks.
 */
class Mixer final : public Producer {
 public:
  /** An input that has been silent for this long counts as starved. */
  static constexpr int kStarvedAfterTicks = 10;
  static constexpr float kMaximumGain = 16;

  Mixer(uint32_t handle, PcmFormat format)
      : Producer(handle),
        format_(format),
        limiter_(format.rateHz, format.channels, Limiter::liveLookAhead(format.rateHz)) {}
  ~Mixer() override;

  // While no tick runs.
  void addInput(uint32_t input, std::shared_ptr<Producer> producer, float gain);
  void setGain(uint32_t input, float gain, int rampMs);
  void removeInput(uint32_t input);
  /** Takes out every input that pulls from `producer`. */
  void removeProducer(const Producer* producer);

  /** This tick's mix without `input`; false when nothing else is to be heard. For mix-minus, with its limiter. */
  bool mixWithout(uint32_t input, const Tick& tick, Limiter& limiter, PcmFrame& frame);
  const PcmFormat& format() const { return format_; }

  PcmFormat preferredFormat() const override { return {opusRateFor(format_.rateHz), format_.channels}; }
  void appendUpstreams(std::vector<Producer*>& out) const override;

 protected:
  bool produce(const Tick& tick, PcmFrame& frame) override;

 private:
  using Sum = std::array<int32_t, kMaximumFrameSamples>;

  struct Input {
    Input(uint32_t inputHandle, std::shared_ptr<Producer> from, Output* pulled, float gain)
        : handle(inputHandle), producer(std::move(from)), output(pulled), ramp(gain) {}
    uint32_t handle;
    std::shared_ptr<Producer> producer;
    Output* output;
    GainRamp ramp;
    Sum scaled;
    bool heard = false;
    bool concealed = false;
    bool flowing = false;
    int silentTicks = 0;
    /** Smoothed. */
    float energy = 0;
  };

  /** Pulls every input once a tick. */
  void sum(const Tick& tick);
  void pullInput(Input& input, const Tick& tick);
  bool limit(const Input* without, Limiter& limiter, PcmFrame& frame);
  void nameSpeaker(const Tick& tick);
  Input* find(uint32_t input);

  const PcmFormat format_;
  std::vector<std::unique_ptr<Input>> inputs_;
  Sum sum_{};
  /** The sum without the input of a mix-minus. */
  Sum rest_{};
  Limiter limiter_;
  DominantSpeaker speaker_;
  std::vector<DominantSpeaker::Candidate> candidates_;
  int heard_ = 0;
  int concealed_ = 0;
  int64_t summedAt_ = -1;
};

/** A mixer's output without one of its inputs. */
class MixMinus final : public Producer {
 public:
  MixMinus(uint32_t handle, std::shared_ptr<Mixer> mixer, uint32_t input)
      : Producer(handle),
        mixer_(std::move(mixer)),
        input_(input),
        limiter_(mixer_->format().rateHz, mixer_->format().channels, Limiter::liveLookAhead(mixer_->format().rateHz)) {}

  PcmFormat preferredFormat() const override { return mixer_->preferredFormat(); }
  void appendUpstreams(std::vector<Producer*>& out) const override { out.push_back(mixer_.get()); }

 protected:
  bool produce(const Tick& tick, PcmFrame& frame) override {
    return mixer_->mixWithout(input_, tick, limiter_, frame);
  }

 private:
  const std::shared_ptr<Mixer> mixer_;
  const uint32_t input_;
  Limiter limiter_;
};

}  // namespace troupe
