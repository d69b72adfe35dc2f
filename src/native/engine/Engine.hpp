#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "BatchQueue.hpp"
#include "FrameCryptor.hpp"
#include "FrameRelay.hpp"
#include "LossyWire.hpp"
#include "Peer.hpp"
#include "Scheduler.hpp"
#include "Source.hpp"
#include "Wiring.hpp"

namespace troupe {

/**
 * The media engine by handles. All calls come from one thread (JavaScript's); what changes the graph is applied
 * between two ticks. A handle that does not exist is an error (std::invalid_argument) except when closing.
 */
class Engine {
 public:
  struct Stats {
    Scheduler::Stats scheduler;
    BatchQueue::Counts batches;
    std::map<std::string, size_t> handles;
  };
  struct PeerStats {
    std::vector<InboundStats> inbound;
    std::vector<OutboundStats> outbound;
    const DropCounters* drops = nullptr;
    TransportFeedbackStats transportFeedback;
  };

  /** `wake` is called, on any thread, when `batches()` has something to take. */
  Engine(Scheduler::Options options, std::function<void()> wake);
  ~Engine();

  /** Ends threads and lets go of everything; what the transport still holds goes nowhere. */
  void stop();
  /** Manual only. */
  void tick(int64_t nowUs) { scheduler_.tick(nowUs); }
  int64_t nowUs() const { return scheduler_.nowUs(); }
  BatchQueue& batches() { return *batches_; }
  Stats stats() const;

  uint32_t createPeer();
  void closePeer(uint32_t peer);
  std::shared_ptr<Peer> peer(uint32_t handle) const;
  PeerStats peerStats(uint32_t peer) const;
  /** Joins two peers by a wire in this process; both are writable at once. */
  void linkPeers(uint32_t first, uint32_t second, const WireImpairment& impairment = {});

  uint32_t createReceiver(uint32_t peer, ReceiverOptions options);
  void updateReceiver(uint32_t receiver, ReceiverOptions options);
  void requestKeyFrame(uint32_t receiver);
  /** How loud what it got since the last call said that it was at most, in dBov. */
  int takeLoudest(uint32_t receiver);
  int64_t takeLongestGapUs(uint32_t receiver);
  void closeReceiver(uint32_t receiver);

  uint32_t createSource(PcmFormat format, int capacityMs);
  Source& source(uint32_t handle) const;
  uint32_t createEncodedSource(EncodedSource::Options options);

  uint32_t createMixer(PcmFormat format);
  uint32_t addMixerInput(uint32_t mixer, uint32_t producer, float gain);
  void setMixerGain(uint32_t mixer, uint32_t input, float gain, int rampMs);
  void removeMixerInput(uint32_t mixer, uint32_t input);
  uint32_t createMixMinus(uint32_t mixer, uint32_t input);

  /** A producer that is another one, bound later, through `filter`. */
  uint32_t createFilter(std::unique_ptr<AudioFilter> filter);
  /** 0 lets go. */
  void bindFilter(uint32_t filter, uint32_t producer);
  /** What is played to where the producer's audio comes from; 0 for nothing. */
  void bindFilterReverse(uint32_t filter, uint32_t producer);

  uint32_t createSender(uint32_t peer, SenderOptions options);
  /** 0 detaches. */
  void setSenderProducer(uint32_t sender, uint32_t producer);
  OpusParameters senderOpus(uint32_t sender) const;
  void updateSender(uint32_t sender, const OpusParameters& parameters);
  /** Another codec, redundancy or repair: the stream goes on, with its next sequence number. */
  void reconfigureSender(uint32_t sender, SenderOptions options);
  void closeSender(uint32_t sender);

  uint32_t createFrameCryptor(FrameCryptorOptions options);
  FrameCryptor& frameCryptor(uint32_t handle) const;
  uint32_t createFrameRelay(FrameRelayOptions options);
  /** False when the frame comes too late, or its relay is closed. */
  bool enqueueFrame(uint32_t relay, uint64_t number, std::span<const uint8_t> frame);
  FrameTransformCounts frameTransformCounts(uint32_t transform) const;
  /** What encoded frames pass; 0 for nothing. */
  void setSenderTransform(uint32_t sender, uint32_t transform);
  void setReceiverTransform(uint32_t receiver, uint32_t transform);
  /** Streams that it is on go on with it: what was to be encrypted never goes out in clear. */
  void closeFrameTransform(uint32_t transform);

  uint32_t createSink(PcmFormat format, int frameMs);
  void bindSink(uint32_t sink, uint32_t producer);
  void closeSink(uint32_t sink);

  void setLevelInterval(uint32_t producer, int intervalMs);
  /** Closes a source, an encoded source, a mixer, a mix-minus or a filter. */
  void closeProducer(uint32_t producer);

  uint32_t createForwarder(uint32_t receiver, uint32_t peer, ForwardingOptions options);
  /** The simulcast layer that a forwarder passes on from its next key frame; "none" for none. */
  void requestLayer(uint32_t forwarder, std::string_view layer);
  void closeForwarder(uint32_t forwarder);

 private:
  struct SenderEntry {
    std::shared_ptr<SenderStream> stream;
    uint32_t peer = 0;
    uint32_t producer = 0;
    AudioEncoding encoding;
  };
  struct ReceiverEntry {
    std::shared_ptr<ReceiverStream> stream;
    uint32_t peer = 0;
  };
  struct ForwarderEntry {
    std::shared_ptr<ForwardedStream> stream;
    uint32_t peer = 0;
    uint32_t receiver = 0;
  };
  struct MixerEntry {
    std::shared_ptr<Mixer> mixer;
    /** Input to producer. */
    std::unordered_map<uint32_t, uint32_t> inputs;
    std::vector<uint32_t> mixMinuses;
  };

  struct FilterEntry {
    std::shared_ptr<FilteredProducer> filter;
    uint32_t producer = 0;
    uint32_t reverse = 0;
  };

  static uint32_t nextHandle();
  std::shared_ptr<Producer> producer(uint32_t handle) const;
  std::shared_ptr<Producer> decodable(uint32_t handle) const;
  MixerEntry& mixer(uint32_t handle);
  /** Whether `producer` hears `other`, through any number of mixers and filters. */
  bool hears(uint32_t producer, uint32_t other) const;
  FilterEntry& filter(uint32_t handle, uint32_t producer);
  std::shared_ptr<FrameTransform> frameTransform(uint32_t handle) const;
  void connectSender(const SenderEntry& sender);
  std::shared_ptr<Producer> producerOf(const SenderEntry& sender) const;
  void forgetProducer(uint32_t handle);
  template <typename Type>
  uint32_t addProducer(uint32_t handle, std::shared_ptr<Type> added);

  const std::shared_ptr<BatchQueue> batches_;
  /** Touched only by posted changes, and after the scheduler has stopped. */
  Wiring wiring_;
  Scheduler scheduler_;
  const int64_t unixOffsetUs_;
  bool stopped_ = false;

  std::unordered_map<uint32_t, std::shared_ptr<Peer>> peers_;
  std::unordered_map<uint32_t, ReceiverEntry> receivers_;
  std::unordered_map<uint32_t, SenderEntry> senders_;
  std::unordered_map<uint32_t, ForwarderEntry> forwarders_;
  std::unordered_map<uint32_t, std::shared_ptr<SinkTap>> sinks_;
  std::unordered_map<uint32_t, MixerEntry> mixers_;
  std::unordered_map<uint32_t, FilterEntry> filters_;
  std::unordered_map<uint32_t, std::shared_ptr<FrameCryptor>> frameCryptors_;
  std::unordered_map<uint32_t, std::shared_ptr<FrameRelay>> frameRelays_;
  std::unordered_map<uint32_t, std::shared_ptr<Source>> sources_;
  std::unordered_map<uint32_t, std::shared_ptr<EncodedSource>> encodedSources_;
  /** Mix-minus to its mixer. */
  std::unordered_map<uint32_t, uint32_t> mixMinuses_;
  /** Everything that can be heard. */
  std::unordered_map<uint32_t, std::shared_ptr<Producer>> producers_;
};

}  // namespace troupe
