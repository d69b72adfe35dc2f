#pragma once

#include <span>

#include "AudioFilter.hpp"
#include "AudioProcessor.hpp"

namespace troupe {

/** An AudioProcessor in the graph. */
class ProcessorFilter final : public AudioFilter {
 public:
  ProcessorFilter(AudioProcessor::Options options, int streamDelayMs) : processor_(options) {
    processor_.setStreamDelayMs(streamDelayMs);
  }

  // The engine gives formats that the library takes alone, so that neither call throws.
  void process(PcmFrame& frame) override {
    processor_.processStream(std::span(frame.samples).first(frame.format.samples()), frame.format.rateHz,
                             frame.format.channels);
  }

  void processReverse(const PcmFrame& frame) override {
    // The library may change it, and others hear it as it is.
    reverse_ = frame;
    processor_.processReverseStream(std::span(reverse_.samples).first(frame.format.samples()), frame.format.rateHz,
                                    frame.format.channels);
  }

  // The canceller counts frames: what it is spared would shift the echo.
  bool wantsSilence() const override { return processor_.options().echoCancellation; }

 private:
  AudioProcessor processor_;
  PcmFrame reverse_;
};

}  // namespace troupe
