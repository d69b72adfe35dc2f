#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "EncoderStream.hpp"
#include "FilteredProducer.hpp"
#include "Graph.hpp"
#include "LevelTap.hpp"
#include "Mixer.hpp"
#include "ReplayStream.hpp"
#include "SinkTap.hpp"

namespace troupe {

/** Who hears whom. Every call runs between two ticks, on the thread that applies changes. */
class Wiring {
 public:
  /** `sendSlots`: into how many parts of a tick the streams that send are spread. */
  explicit Wiring(int sendSlots = 1) : sendSlots_(sendSlots) {}

  void addProducer(Graph& graph, std::shared_ptr<Producer> producer);
  /** Takes it out of everything that hears it. */
  void removeProducer(Graph& graph, const std::shared_ptr<Producer>& producer);

  void addMixer(Graph& graph, std::shared_ptr<Mixer> mixer);
  void addFilter(Graph& graph, std::shared_ptr<FilteredProducer> filter);
  void addSink(Graph& graph, std::shared_ptr<SinkTap> sink);
  void removeSink(Graph& graph, const std::shared_ptr<SinkTap>& sink);

  /** Null detaches. Senders of one producer with equal encodings share an encoder. */
  void connectSender(Graph& graph, const std::shared_ptr<SenderStream>& sender, std::shared_ptr<Producer> producer,
                     const AudioEncoding& encoding);
  /** `next` goes on where `before` was: its packets are due at the same ticks. */
  void replaceSender(Graph& graph, const SenderStream& before, const std::shared_ptr<SenderStream>& next,
                     std::shared_ptr<Producer> producer, const AudioEncoding& encoding);
  void setLevelInterval(Graph& graph, std::shared_ptr<Producer> producer, int intervalMs);
  void clear();

 private:
  std::shared_ptr<PacketStream> streamFor(Graph& graph, std::shared_ptr<Producer> producer,
                                          const AudioEncoding& encoding, int hangoverMs, uint32_t phase);
  std::shared_ptr<EncoderStream> findEncoder(const Producer* producer, const AudioEncoding& encoding,
                                             int hangoverMs) const;
  void disconnectSender(Graph& graph, const SenderStream* sender);
  int64_t delayUs(uint32_t phase) const;

  const int sendSlots_;
  std::vector<std::shared_ptr<EncoderStream>> encoders_;
  std::vector<std::shared_ptr<ReplayStream>> replays_;
  std::unordered_map<const SenderStream*, std::shared_ptr<PacketStream>> streams_;
  std::vector<std::shared_ptr<SinkTap>> sinks_;
  std::vector<std::shared_ptr<Mixer>> mixers_;
  std::vector<std::shared_ptr<FilteredProducer>> filters_;
  std::unordered_map<const Producer*, std::shared_ptr<LevelTap>> levels_;
  /** Counts streams, so that their packets are due at different ticks. */
  uint32_t nextPhase_ = 0;
};

}  // namespace troupe
