#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "PacketStream.hpp"
#include "Producer.hpp"

namespace troupe {

/** Packets that are encoded already: nothing to pull from, only to be sent. */
class EncodedSource final : public Producer {
 public:
  struct Options {
    int frameMs = 20;
    std::vector<std::vector<uint8_t>> frames;
    bool loop = false;
  };

  EncodedSource(uint32_t handle, Options options) : Producer(handle), options_(std::move(options)) {}

  const Options& options() const { return options_; }
  bool isDecodable() const override { return false; }
  PcmFormat preferredFormat() const override { return {}; }

 protected:
  bool produce(const Tick&, PcmFrame&) override { return false; }

 private:
  const Options options_;
};

/** Plays an encoded source to its senders, from the first packet on. */
class ReplayStream final : public PacketStream {
 public:
  ReplayStream(std::shared_ptr<EncodedSource> source, uint32_t phase)
      : source_(std::move(source)),
        ticksPerPacket_(source_->options().frameMs / kTickMs),
        phase_(phase % static_cast<uint32_t>(ticksPerPacket_)) {}

  bool isFor(const Producer* producer) const { return source_.get() == producer; }
  void run(const Tick& tick) override;
  bool sendsIn(int64_t tick) const override { return tick % ticksPerPacket_ == phase_; }
  Producer* upstream() const override { return source_.get(); }

 private:
  const std::shared_ptr<EncodedSource> source_;
  const int64_t ticksPerPacket_;
  const int64_t phase_;
  size_t next_ = 0;
  bool started_ = false;
};

}  // namespace troupe
