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
 * from stream to stream; what came before the producer began is silence. Nothing is encoded while the producer has
 * been silent for longer than the hangover, or while no sender could send it.
 */
class EncoderStream final : public PacketStream {
 public:
  /** `phase` picks the ticks at which packets are due. */
  EncoderStream(std::shared_ptr<Producer> producer, const AudioEncoding& encoding, int hangoverMs, uint32_t phase);
  ~EncoderStream() override;

  bool isFor(const Producer* producer, const AudioEncoding& encoding, int hangoverMs) const {
    return producer_.get() == producer && encoding_ == encoding && hangoverMs_ == hangoverMs;
  }

  uint32_t phase() const { return phase_; }

  /** Goes on with another encoding and without a break; false when that takes another stream. */
  bool update(const Producer* producer, const AudioEncoding& encoding, int hangoverMs);

  void run(const Tick& tick) override;
  bool sendsIn(int64_t tick) const override { return slotOf(tick) == ticksPerPacket_ - 1; }
  Producer* upstream() const override { return producer_.get(); }

 private:
  /** Which of a packet's ticks it is. */
  int64_t slotOf(int64_t tick) const { return (tick + ticksPerPacket_ - firstTick_) % ticksPerPacket_; }
  void collect(const Tick& tick, int64_t slot);
  /** Takes back what was collected of the packet under way, down to a fade-out; the frame then begins behind its own. */
  void takeBack(int16_t* frameStart);
  void encode(const Tick& tick);
  int expectedLossPercent() const;

  const std::shared_ptr<Producer> producer_;
  AudioEncoding encoding_;
  const int hangoverMs_;
  const int64_t ticksPerPacket_;
  const uint32_t phase_;
  const int64_t firstTick_;
  const std::unique_ptr<AudioEncoder> encoder_;
  Producer::Output* const output_;
  AudioLevelMeter level_;
  std::vector<int16_t> samples_;
  bool heard_ = false;
  int64_t lastHeardTick_;
  int64_t lastSentStart_;
};

}  // namespace troupe
