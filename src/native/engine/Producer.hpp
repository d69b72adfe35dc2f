#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "Audio.hpp"
#include "Resampler.hpp"
#include "Tick.hpp"

namespace troupe {

/**
 * Makes one frame a tick for all that pull from it, and converts it once for each format that they want.
 * Outputs are opened and closed while no tick runs; pulling happens on the one thread that its graph is pinned to.
 */
class Producer {
 public:
  /** One format that consumers pull in. */
  class Output {
   public:
    const PcmFormat& format() const { return frame_.format; }

   private:
    friend class Producer;
    PcmFrame frame_;
    std::unique_ptr<Resampler> resampler_;
    PcmFormat resamplesFrom_;
    int users_ = 0;
    int64_t convertedAt_ = -1;
  };

  explicit Producer(uint32_t handle) : handle_(handle) {}
  virtual ~Producer() = default;
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  uint32_t handle() const { return handle_; }

  Output* open(PcmFormat format);
  void close(Output* output);

  /** This tick's frame in the output's format; null when there is nothing to hear. Valid until the next tick. */
  const PcmFrame* pull(Output& output, const Tick& tick);

  /** Producers that this one pulls from, for pinning and for the search of loops. */
  virtual void appendUpstreams(std::vector<Producer*>&) const {}

  /** True when it has PCM to pull; false for packets that are encoded already. */
  virtual bool isDecodable() const { return true; }

  /** The format that an encoder should pull in. */
  virtual PcmFormat preferredFormat() const = 0;

  bool isPulled() const { return !outputs_.empty(); }

  /** The codec thread that its graph is pinned to; kept by the engine. */
  int thread = -1;

 protected:
  /** Fills in the tick's frame, its format included; false when there is nothing to hear. */
  virtual bool produce(const Tick& tick, PcmFrame& frame) = 0;
  /** The set of formats that consumers want has changed. */
  virtual void outputsChanged() {}

  const std::vector<std::unique_ptr<Output>>& outputs() const { return outputs_; }

 private:
  const PcmFrame* convert(Output& output, const Tick& tick);

  const uint32_t handle_;
  std::vector<std::unique_ptr<Output>> outputs_;
  PcmFrame frame_;
  int64_t producedAt_ = -1;
  bool hasFrame_ = false;
};

}  // namespace troupe
