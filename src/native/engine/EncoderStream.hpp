#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "AudioEncoder.hpp"
#include "AudioLevelMeter.hpp"
#include "PacketStream.hpp"
#include "Producer.hpp"

namespace troupe {

/**
 * Encodes a producer once for all senders that want it alike. A packet is due every `frameMs`, at ticks that differ
 * from stream to stream; what came before the producer began is silence.
 */
class EncoderStream final : public PacketStream {
 public:
  /** `phase` picks the ticks at which packets are due. */
  EncoderStream(std::shared_ptr<Producer> producer, const OpusParameters& parameters, int hangoverMs, uint32_t phase);
  ~EncoderStream() override;

  bool isFor(const Producer* producer, const OpusParameters& parameters, int hangoverMs) const {
    return producer_.get() == producer && parameters_ == parameters && hangoverMs_ == hangoverMs;
  }

  void run(const Tick& tick) override;
  Producer* upstream() const override { return producer_.get(); }

 private:
  void collect(const Tick& tick, int64_t slot);
  void encode(const Tick& tick);
  int expectedLossPercent() const;

  const std::shared_ptr<Producer> producer_;
  const OpusParameters parameters_;
  const int hangoverMs_;
  const int64_t ticksPerPacket_;
  const int64_t phase_;
  Producer::Output* const output_;
  AudioEncoder encoder_;
  AudioLevelMeter level_;
  std::vector<int16_t> samples_;
  bool heard_ = false;
  int64_t lastHeardTick_;
  int64_t lastSentStart_;
};

}  // namespace troupe
