#include "Wiring.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

void Wiring::addProducer(Graph& graph, std::shared_ptr<Producer> producer) { graph.addProducer(std::move(producer)); }

void Wiring::removeProducer(Graph& graph, const std::shared_ptr<Producer>& producer) {
  setLevelInterval(graph, producer, 0);
  for (const auto& sink : sinks_)
    if (sink->upstream() == producer.get()) sink->bind(nullptr);
  for (const auto& mixer : mixers_) mixer->removeProducer(producer.get());
  for (const auto& filter : filters_) filter->removeProducer(producer.get());
  std::vector<const SenderStream*> senders;
  for (const auto& [sender, stream] : streams_)
    if (stream->upstream() == producer.get()) senders.push_back(sender);
  for (const SenderStream* sender : senders) disconnectSender(graph, sender);
  std::erase_if(mixers_, [&](const auto& held) { return held.get() == producer.get(); });
  std::erase_if(filters_, [&](const auto& held) { return held.get() == producer.get(); });
  graph.removeProducer(producer.get());
}

void Wiring::addMixer(Graph& graph, std::shared_ptr<Mixer> mixer) {
  mixers_.push_back(mixer);
  graph.addProducer(std::move(mixer));
}

void Wiring::addFilter(Graph& graph, std::shared_ptr<FilteredProducer> filter) {
  filters_.push_back(filter);
  graph.addProducer(std::move(filter));
}

void Wiring::addSink(Graph& graph, std::shared_ptr<SinkTap> sink) {
  sinks_.push_back(sink);
  graph.addTask(std::move(sink));
}

void Wiring::removeSink(Graph& graph, const std::shared_ptr<SinkTap>& sink) {
  sink->bind(nullptr);
  std::erase(sinks_, sink);
  graph.removeTask(sink.get());
}

void Wiring::connectSender(Graph& graph, const std::shared_ptr<SenderStream>& sender,
                           std::shared_ptr<Producer> producer, const AudioEncoding& encoding) {
  const auto found = streams_.find(sender.get());
  const int hangoverMs = sender->options().hangoverMs;
  if (found != streams_.end() && found->second->isOnlySender(sender.get()) &&
      !findEncoder(producer.get(), encoding, hangoverMs)) {
    auto* alone = dynamic_cast<EncoderStream*>(found->second.get());
    if (alone != nullptr && alone->update(producer.get(), encoding, hangoverMs)) return;
  }
  // The new stream first: when it is the old one, its encoder is kept.
  std::shared_ptr<PacketStream> stream;
  if (producer) stream = streamFor(graph, std::move(producer), encoding, hangoverMs, nextPhase_++);
  if (stream && found != streams_.end() && found->second == stream) return;
  if (stream) stream->addSender(sender);
  disconnectSender(graph, sender.get());
  if (stream) streams_[sender.get()] = std::move(stream);
}

void Wiring::replaceSender(Graph& graph, const SenderStream& before, const std::shared_ptr<SenderStream>& next,
                           std::shared_ptr<Producer> producer, const AudioEncoding& encoding) {
  uint32_t phase = nextPhase_;
  if (const auto found = streams_.find(&before); found != streams_.end())
    if (const auto* encoder = dynamic_cast<EncoderStream*>(found->second.get())) phase = encoder->phase();
  // The new one first: where both are encoded alike they share the encoder, and no sample is lost.
  if (producer) {
    auto stream = streamFor(graph, std::move(producer), encoding, next->options().hangoverMs, phase);
    stream->addSender(next);
    streams_[next.get()] = std::move(stream);
  }
  disconnectSender(graph, &before);
}

std::shared_ptr<PacketStream> Wiring::streamFor(Graph& graph, std::shared_ptr<Producer> producer,
                                                const AudioEncoding& encoding, int hangoverMs, uint32_t phase) {
  if (auto encoded = std::dynamic_pointer_cast<EncodedSource>(producer)) {
    for (const auto& replay : replays_)
      if (replay->isFor(encoded.get())) return replay;
    replays_.push_back(std::make_shared<ReplayStream>(std::move(encoded), phase));
    replays_.back()->delayUs = delayUs(phase);
    graph.addTask(replays_.back());
    return replays_.back();
  }
  if (auto encoder = findEncoder(producer.get(), encoding, hangoverMs)) return encoder;
  encoders_.push_back(std::make_shared<EncoderStream>(std::move(producer), encoding, hangoverMs, phase));
  encoders_.back()->delayUs = delayUs(phase);
  graph.addTask(encoders_.back());
  return encoders_.back();
}

int64_t Wiring::delayUs(uint32_t phase) const {
  // Packets of 20 ms are due every second tick: the phase's last bit has told those apart already.
  return int64_t{phase / 2} % sendSlots_ * kTickUs / sendSlots_;
}

std::shared_ptr<EncoderStream> Wiring::findEncoder(const Producer* producer, const AudioEncoding& encoding,
                                                   int hangoverMs) const {
  for (const auto& encoder : encoders_)
    if (encoder->isFor(producer, encoding, hangoverMs)) return encoder;
  return nullptr;
}

void Wiring::disconnectSender(Graph& graph, const SenderStream* sender) {
  const auto found = streams_.find(sender);
  if (found == streams_.end()) return;
  const std::shared_ptr<PacketStream> stream = std::move(found->second);
  streams_.erase(found);
  stream->removeSender(sender);
  if (stream->hasSenders()) return;
  std::erase_if(encoders_, [&](const auto& held) { return held.get() == stream.get(); });
  std::erase_if(replays_, [&](const auto& held) { return held.get() == stream.get(); });
  graph.removeTask(stream.get());
}

void Wiring::setLevelInterval(Graph& graph, std::shared_ptr<Producer> producer, int intervalMs) {
  if (const auto found = levels_.find(producer.get()); found != levels_.end()) {
    graph.removeTask(found->second.get());
    levels_.erase(found);
  }
  if (intervalMs <= 0) return;
  const Producer* key = producer.get();
  auto level = std::make_shared<LevelTap>(std::move(producer), intervalMs);
  graph.addTask(level);
  levels_.emplace(key, std::move(level));
}

void Wiring::clear() {
  streams_.clear();
  encoders_.clear();
  replays_.clear();
  for (const auto& sink : sinks_) sink->bind(nullptr);
  sinks_.clear();
  levels_.clear();
  mixers_.clear();
  filters_.clear();
}

}  // namespace troupe
