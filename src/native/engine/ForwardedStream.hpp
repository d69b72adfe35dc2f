#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "BatchQueue.hpp"
#include "FeedbackState.hpp"
#include "Forwarder.hpp"
#include "LayerSelector.hpp"
#include "PeerWire.hpp"
#include "ReceiverStream.hpp"
#include "StreamOptions.hpp"

namespace troupe {

/** Passes one receiver's packets on to another peer, on the thread that they come in on. */
class ForwardedStream final : public PacketTap {
 public:
  /** Tells `events` which simulcast layer it forwards, when there are layers. */
  ForwardedStream(uint32_t handle, const ForwardingOptions& options, std::shared_ptr<PeerWire> target,
                  std::shared_ptr<BatchQueue> events);

  uint32_t handle() const { return handle_; }
  uint32_t ssrc() const { return options_.ssrc; }
  const ForwardingOptions& options() const { return options_; }
  FeedbackState& feedback() { return feedback_; }

  bool onPacket(const TappedPacket& tapped) override;
  /** The simulcast layer to forward, from its next key frame on; "none" for nothing. */
  void requestLayer(std::string_view rid);
  /** The SSRC at the source of what is forwarded; nothing before the first packet. */
  std::optional<uint32_t> sourceSsrc() const;
  /** A packet of the source. */
  struct Missing {
    uint32_t ssrc = 0;
    uint16_t sequenceNumber = 0;
  };
  /** Sends the packet again; when it is not known here, gives what to ask the source for. */
  std::optional<Missing> onNack(uint16_t sequenceNumber, int64_t nowUs);
  void onPictureLoss();

  bool senderInfo(int64_t nowUs, int64_t unixUs, SenderInfo& info) const;
  OutboundStats stats() const;

 private:
  /** What becomes of a packet of a simulcast layer. */
  LayerSelector::Verdict select(const TappedPacket& tapped);
  std::optional<Missing> missingAtSource(uint16_t sequenceNumber) const;

  const uint32_t handle_;
  const ForwardingOptions options_;
  const std::shared_ptr<PeerWire> wire_;
  const std::shared_ptr<BatchQueue> events_;
  FeedbackState feedback_;

  mutable std::mutex mutex_;
  Forwarder forwarder_;
  LayerSelector layers_;
  uint64_t nacksReceived_ = 0;
  uint64_t pictureLosses_ = 0;
};

}  // namespace troupe
