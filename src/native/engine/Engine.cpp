#include "Engine.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "ThreadClock.hpp"

namespace troupe {

namespace {

int64_t unixUs() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

template <typename Map>
auto& require(Map& map, uint32_t handle, const char* what) {
  const auto found = map.find(handle);
  if (found == map.end()) throw std::invalid_argument("There is no " + std::string(what) + " " + std::to_string(handle));
  return found->second;
}

AudioEncoding::Codec audioCodecOf(const SenderOptions& options) {
  if (options.kind != MediaKind::audio || options.codec.name == "opus") return AudioEncoding::Codec::opus;
  if (options.codec.name == "pcmu") return AudioEncoding::Codec::pcmu;
  if (options.codec.name == "pcma") return AudioEncoding::Codec::pcma;
  throw std::invalid_argument("Expected opus, pcmu or pcma for options.codec.name but received " + options.codec.name);
}

}  // namespace

Engine::Engine(Scheduler::Options options, std::function<void()> wake)
    : batches_(std::make_shared<BatchQueue>()),
      wiring_(options.sendSlots),
      scheduler_(options, *batches_, std::move(wake)),
      unixOffsetUs_(unixUs() - monotonicUs()) {}

Engine::~Engine() { stop(); }

void Engine::stop() {
  if (stopped_) return;
  stopped_ = true;
  for (const auto& [handle, peer] : peers_) peer->close();
  scheduler_.stop();
  wiring_.clear();
  forwarders_.clear();
  senders_.clear();
  sinks_.clear();
  frameCryptors_.clear();
  frameRelays_.clear();
  mixers_.clear();
  mixMinuses_.clear();
  filters_.clear();
  sources_.clear();
  encodedSources_.clear();
  producers_.clear();
  receivers_.clear();
  peers_.clear();
}

uint32_t Engine::nextHandle() {
  static std::atomic<uint32_t> next{1};
  return next++;
}

Engine::Stats Engine::stats() const {
  Stats stats;
  stats.scheduler = scheduler_.stats();
  stats.batches = batches_->counts();
  stats.handles = {{"peers", peers_.size()},
                   {"receivers", receivers_.size()},
                   {"senders", senders_.size()},
                   {"sources", sources_.size()},
                   {"encodedSources", encodedSources_.size()},
                   {"sinks", sinks_.size()},
                   {"mixers", mixers_.size()},
                   {"mixMinuses", mixMinuses_.size()},
                   {"filters", filters_.size()},
                   {"forwarders", forwarders_.size()},
                   {"frameCryptors", frameCryptors_.size()},
                   {"frameRelays", frameRelays_.size()},
                   {"encoders", AudioEncoder::alive()},
                   {"decoders", AudioDecoder::alive()}};
  return stats;
}

uint32_t Engine::createPeer() {
  const uint32_t handle = nextHandle();
  auto peer = std::make_shared<Peer>(handle, batches_, unixOffsetUs_);
  peers_.emplace(handle, peer);
  scheduler_.post([peer](Graph& graph) { graph.addTask(peer); });
  return handle;
}

void Engine::closePeer(uint32_t handle) {
  const auto found = peers_.find(handle);
  if (found == peers_.end()) return;
  const auto peer = found->second;
  // Copies, since closing takes entries out.
  std::vector<uint32_t> senders, receivers, forwarders;
  for (const auto& [id, entry] : senders_)
    if (entry.peer == handle) senders.push_back(id);
  for (const auto& [id, entry] : receivers_)
    if (entry.peer == handle) receivers.push_back(id);
  for (const auto& [id, entry] : forwarders_)
    if (entry.peer == handle) forwarders.push_back(id);
  for (const uint32_t id : senders) closeSender(id);
  for (const uint32_t id : forwarders) closeForwarder(id);
  for (const uint32_t id : receivers) closeReceiver(id);
  peer->close();
  peers_.erase(handle);
  scheduler_.post([peer](Graph& graph) { graph.removeTask(peer.get()); });
}

std::shared_ptr<Peer> Engine::peer(uint32_t handle) const {
  const auto found = peers_.find(handle);
  return found == peers_.end() ? nullptr : found->second;
}

Engine::PeerStats Engine::peerStats(uint32_t handle) const {
  const auto& found = require(peers_, handle, "peer");
  PeerStats stats;
  found->appendStats(stats.inbound, stats.outbound);
  stats.drops = &found->wire()->drops;
  stats.transportFeedback = found->transportFeedbackStats();
  return stats;
}

void Engine::linkPeers(uint32_t first, uint32_t second, const WireImpairment& impairment) {
  const auto a = require(peers_, first, "peer");
  const auto b = require(peers_, second, "peer");
  const auto now = [this] { return scheduler_.nowUs(); };
  const auto wireTo = [&](const std::shared_ptr<Peer>& to) -> std::shared_ptr<PacketSender> {
    if (impairment.lossPercent == 0 && impairment.maximumPacketsLate == 0) return std::make_shared<LocalWire>(to, now);
    return std::make_shared<LossyWire>(to, now, impairment);
  };
  a->wire()->setSender(wireTo(b));
  b->wire()->setSender(wireTo(a));
  a->setWritable(true);
  b->setWritable(true);
}

uint32_t Engine::createReceiver(uint32_t peerHandle, ReceiverOptions options) {
  const auto& owner = require(peers_, peerHandle, "peer");
  const uint32_t handle = nextHandle();
  auto stream = std::make_shared<ReceiverStream>(handle, std::move(options), owner->wire());
  receivers_.emplace(handle, ReceiverEntry{stream, peerHandle});
  addProducer(handle, stream);
  owner->addReceiver(std::move(stream));
  return handle;
}

void Engine::updateReceiver(uint32_t handle, ReceiverOptions options) {
  const auto& entry = require(receivers_, handle, "receiver");
  peers_.at(entry.peer)->updateReceiver(*entry.stream, std::move(options));
}

void Engine::requestKeyFrame(uint32_t handle) {
  const auto& entry = require(receivers_, handle, "receiver");
  peers_.at(entry.peer)->requestKeyFrame(*entry.stream, std::nullopt, nowUs());
}

int64_t Engine::takeLongestGapUs(uint32_t handle) {
  return require(receivers_, handle, "receiver").stream->takeLongestGapUs();
}

void Engine::closeReceiver(uint32_t handle) {
  const auto found = receivers_.find(handle);
  if (found == receivers_.end()) return;
  std::vector<uint32_t> forwarders;
  for (const auto& [id, entry] : forwarders_)
    if (entry.receiver == handle) forwarders.push_back(id);
  for (const uint32_t id : forwarders) closeForwarder(id);
  peers_.at(found->second.peer)->removeReceiver(found->second.stream.get());
  receivers_.erase(handle);
  forgetProducer(handle);
}

template <typename Type>
uint32_t Engine::addProducer(uint32_t handle, std::shared_ptr<Type> added) {
  producers_.emplace(handle, added);
  scheduler_.post([this, added](Graph& graph) { wiring_.addProducer(graph, added); });
  return handle;
}

uint32_t Engine::createSource(PcmFormat format, int capacityMs) {
  const uint32_t handle = nextHandle();
  const auto source = std::make_shared<Source>(handle, format, capacityMs, batches_);
  sources_.emplace(handle, source);
  return addProducer(handle, source);
}

Source& Engine::source(uint32_t handle) const { return *require(sources_, handle, "source"); }

uint32_t Engine::createEncodedSource(EncodedSource::Options options) {
  const uint32_t handle = nextHandle();
  const auto source = std::make_shared<EncodedSource>(handle, std::move(options));
  encodedSources_.emplace(handle, source);
  return addProducer(handle, source);
}

std::shared_ptr<Producer> Engine::producer(uint32_t handle) const {
  return handle == 0 ? nullptr : require(producers_, handle, "producer");
}

std::shared_ptr<Producer> Engine::decodable(uint32_t handle) const {
  auto found = producer(handle);
  if (found && !found->isDecodable())
    throw std::invalid_argument("Producer " + std::to_string(handle) + " has no PCM: it can only be sent or forwarded");
  return found;
}

uint32_t Engine::createSender(uint32_t peerHandle, SenderOptions options) {
  const auto& owner = require(peers_, peerHandle, "peer");
  const uint32_t handle = nextHandle();
  SenderEntry entry;
  entry.peer = peerHandle;
  entry.encoding = {audioCodecOf(options), options.opus};
  entry.stream = owner->createSender(handle, std::move(options));
  senders_.emplace(handle, std::move(entry));
  return handle;
}

void Engine::setSenderProducer(uint32_t handle, uint32_t producerHandle) {
  SenderEntry& entry = require(senders_, handle, "sender");
  producer(producerHandle);
  entry.producer = producerHandle;
  connectSender(entry);
}

void Engine::connectSender(const SenderEntry& sender) {
  if (sender.stream->options().kind != MediaKind::audio) return;
  scheduler_.post([this, stream = sender.stream, encoding = sender.encoding, from = producerOf(sender)](Graph& graph) {
    wiring_.connectSender(graph, stream, from, encoding);
  });
}

std::shared_ptr<Producer> Engine::producerOf(const SenderEntry& sender) const {
  const auto found = producers_.find(sender.producer);
  return found == producers_.end() ? nullptr : found->second;
}

OpusParameters Engine::senderOpus(uint32_t handle) const { return require(senders_, handle, "sender").encoding.opus; }

void Engine::updateSender(uint32_t handle, const OpusParameters& parameters) {
  SenderEntry& entry = require(senders_, handle, "sender");
  entry.encoding.opus = parameters;
  connectSender(entry);
}

void Engine::reconfigureSender(uint32_t handle, SenderOptions options) {
  SenderEntry& entry = require(senders_, handle, "sender");
  if (options.kind != entry.stream->options().kind)
    throw std::invalid_argument("Expected the kind that sender " + std::to_string(handle) + " has");
  entry.encoding = {audioCodecOf(options), options.opus};
  const auto before = std::exchange(entry.stream, nullptr);
  entry.stream = peers_.at(entry.peer)->replaceSender(*before, std::move(options));
  if (entry.stream->options().kind != MediaKind::audio) return;
  scheduler_.post([this, before, next = entry.stream, encoding = entry.encoding, from = producerOf(entry)](Graph& graph) {
    wiring_.replaceSender(graph, *before, next, from, encoding);
  });
}

void Engine::closeSender(uint32_t handle) {
  const auto found = senders_.find(handle);
  if (found == senders_.end()) return;
  SenderEntry entry = std::move(found->second);
  senders_.erase(found);
  entry.producer = 0;
  connectSender(entry);
  peers_.at(entry.peer)->removeSender(*entry.stream);
}

uint32_t Engine::createSink(PcmFormat format, int frameMs) {
  const uint32_t handle = nextHandle();
  const auto sink = std::make_shared<SinkTap>(handle, format, frameMs);
  sinks_.emplace(handle, sink);
  scheduler_.post([this, sink](Graph& graph) { wiring_.addSink(graph, sink); });
  return handle;
}

void Engine::bindSink(uint32_t handle, uint32_t producerHandle) {
  const auto sink = require(sinks_, handle, "sink");
  scheduler_.post([sink, from = decodable(producerHandle)](Graph&) { sink->bind(from); });
}

void Engine::closeSink(uint32_t handle) {
  const auto found = sinks_.find(handle);
  if (found == sinks_.end()) return;
  scheduler_.post([this, sink = found->second](Graph& graph) { wiring_.removeSink(graph, sink); });
  sinks_.erase(found);
}

void Engine::setLevelInterval(uint32_t handle, int intervalMs) {
  scheduler_.post([this, from = decodable(handle), intervalMs](Graph& graph) {
    if (from) wiring_.setLevelInterval(graph, from, intervalMs);
  });
}

uint32_t Engine::createForwarder(uint32_t receiver, uint32_t peerHandle, ForwardingOptions options) {
  const ReceiverEntry& from = require(receivers_, receiver, "receiver");
  const ReceiverOptions received = from.stream->options();
  if (received.kind == MediaKind::video) options.clockRate = kVideoClockRate;
  else if (!received.codecs.empty()) options.clockRate = received.codecs.front().clockRate;
  const auto& target = require(peers_, peerHandle, "peer");
  const uint32_t handle = nextHandle();
  auto stream = std::make_shared<ForwardedStream>(handle, options, target->wire(), batches_);
  const auto& source = peers_.at(from.peer);
  target->addForwarder(stream, from.stream, source);
  from.stream->addTap(stream);
  // Whoever comes in the middle can do nothing with what follows before; of layers the stream itself asks for the right.
  if (received.kind == MediaKind::video && options.layer.empty())
    source->requestKeyFrame(*from.stream, std::nullopt, nowUs());
  forwarders_.emplace(handle, ForwarderEntry{std::move(stream), peerHandle, receiver});
  return handle;
}

void Engine::requestLayer(uint32_t handle, std::string_view layer) {
  require(forwarders_, handle, "forwarder").stream->requestLayer(layer);
}

int Engine::takeLoudest(uint32_t receiver) { return require(receivers_, receiver, "receiver").stream->takeLoudest(); }

void Engine::closeForwarder(uint32_t handle) {
  const auto found = forwarders_.find(handle);
  if (found == forwarders_.end()) return;
  const ForwarderEntry entry = std::move(found->second);
  forwarders_.erase(found);
  if (const auto from = receivers_.find(entry.receiver); from != receivers_.end())
    from->second.stream->removeTap(entry.stream.get());
  peers_.at(entry.peer)->removeForwarder(entry.stream.get());
}

}  // namespace troupe
