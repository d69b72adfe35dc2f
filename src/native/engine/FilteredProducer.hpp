#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "AudioFilter.hpp"
#include "Producer.hpp"

namespace troupe {

/** A producer through a filter. The filter runs once a tick, whoever listens, and not at all when nobody does. */
class FilteredProducer final : public Producer {
 public:
  FilteredProducer(uint32_t handle, std::unique_ptr<AudioFilter> filter) : Producer(handle), filter_(std::move(filter)) {}
  ~FilteredProducer() override;

  // While no tick runs; null lets go.
  void bind(std::shared_ptr<Producer> upstream);
  void bindReverse(std::shared_ptr<Producer> reverse);
  /** Lets go of `producer` wherever it hears it. */
  void removeProducer(const Producer* producer);

  PcmFormat preferredFormat() const override { return {opusRateFor(format_.rateHz), format_.channels}; }
  void appendUpstreams(std::vector<Producer*>& out) const override;

 protected:
  bool produce(const Tick& tick, PcmFrame& frame) override;
  void outputsChanged() override;

 private:
  /** Pulls only while it is pulled itself, so that nobody plays a source that nobody hears. */
  void connect();
  void disconnect();
  void feedReverse(const Tick& tick);

  const std::unique_ptr<AudioFilter> filter_;
  std::shared_ptr<Producer> upstream_;
  std::shared_ptr<Producer> reverse_;
  Output* input_ = nullptr;
  Output* reverseInput_ = nullptr;
  PcmFormat format_;
  PcmFrame silence_{};
};

}  // namespace troupe
