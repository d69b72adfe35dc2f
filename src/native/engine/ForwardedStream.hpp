#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "FeedbackState.hpp"
#include "Forwarder.hpp"
#include "PeerWire.hpp"
#include "ReceiverStream.hpp"
#include "StreamOptions.hpp"

namespace troupe {

/** Passes one receiver's packets on to another peer, on the thread that they come in on. */
class ForwardedStream final : public PacketTap {
 public:
  ForwardedStream(uint32_t handle, const ForwardingOptions& options, std::shared_ptr<PeerWire> target);

  uint32_t handle() const { return handle_; }
  uint32_t ssrc() const { return options_.ssrc; }
  const ForwardingOptions& options() const { return options_; }
  FeedbackState& feedback() { return feedback_; }

  void onPacket(const RtpPacket& packet, const HeaderExtensionIds& ids, int64_t nowUs) override;
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
  std::optional<Missing> missingAtSource(uint16_t sequenceNumber) const;

  const uint32_t handle_;
  const ForwardingOptions options_;
  const std::shared_ptr<PeerWire> wire_;
  FeedbackState feedback_;

  mutable std::mutex mutex_;
  Forwarder forwarder_;
  uint64_t nacksReceived_ = 0;
  uint64_t pictureLosses_ = 0;
};

}  // namespace troupe
