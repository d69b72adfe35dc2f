#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "FeedbackState.hpp"
#include "PacketHistory.hpp"
#include "PeerWire.hpp"
#include "StreamOptions.hpp"

namespace troupe {

/** One packet of an encoder, before anyone's RTP header is on it. */
struct EncodedPacket {
  std::span<const uint8_t> payload;
  /** The tick that its first sample belongs to. */
  int64_t startTick = 0;
  /** The one before was not sent. */
  bool beginsTalkspurt = false;
  RtpAudioLevel level;
};

/** One outgoing RTP stream: numbers, stamps and remembers what an encoder makes. */
class SenderStream {
 public:
  SenderStream(uint32_t handle, SenderOptions options, std::shared_ptr<PeerWire> wire);

  uint32_t handle() const { return handle_; }
  uint32_t ssrc() const { return options_.ssrc; }
  const SenderOptions& options() const { return options_; }
  FeedbackState& feedback() { return feedback_; }

  /** On a codec thread. */
  void send(const EncodedPacket& packet, int64_t nowUs);

  void onNack(uint16_t sequenceNumber, int64_t nowUs);
  void onPictureLoss();

  /** For a sender report; false before the first packet. */
  bool senderInfo(int64_t nowUs, int64_t unixUs, SenderInfo& info) const;
  OutboundStats stats() const;

 private:
  size_t build(const EncodedPacket& packet, std::span<uint8_t> buffer, int64_t nowUs, const HeaderExtensionIds& ids);

  const uint32_t handle_;
  const SenderOptions options_;
  const std::shared_ptr<PeerWire> wire_;
  FeedbackState feedback_;

  mutable std::mutex mutex_;
  uint16_t nextSequenceNumber_;
  const uint32_t timestampOffset_;
  PacketHistory history_;
  bool started_ = false;
  uint32_t lastTimestamp_ = 0;
  int64_t lastSentUs_ = 0;
  OutboundStats stats_;
};

}  // namespace troupe
