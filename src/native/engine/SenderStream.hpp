#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "FeedbackState.hpp"
#include "FrameTransform.hpp"
#include "PacketHistory.hpp"
#include "PeerWire.hpp"
#include "RedundancyEncoder.hpp"
#include "RtpPacket.hpp"
#include "StreamOptions.hpp"
#include "StreamPosition.hpp"
#include "Tick.hpp"

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

/**
 * One outgoing RTP stream: numbers, stamps and remembers what an encoder makes. With redundancy its payloads are
 * packed as RED; with a retransmission format what is asked for again goes out as RTX, else as it was.
 */
class SenderStream final : public FrameOutlet {
 public:
  /** `goesOnFrom`: where an earlier stream of this SSRC stood; nothing for a stream with a start of its own. */
  SenderStream(uint32_t handle, SenderOptions options, std::shared_ptr<PeerWire> wire,
               std::optional<StreamPosition> goesOnFrom = std::nullopt);

  /** Ends it: nothing is sent from then on. Gives where it stood, or nothing when it had not sent yet. Any thread. */
  std::optional<StreamPosition> retire();
  /** Answers requests for what a retired stream of the same SSRC sent too, where both answer any. Before the first packet. */
  void takeHistory(SenderStream& retired);
  uint32_t handle() const { return handle_; }
  uint32_t ssrc() const { return options_.ssrc; }
  const SenderOptions& options() const { return options_; }
  FeedbackState& feedback() { return feedback_; }
  bool isWritable() const { return wire_->isWritable(); }

  /** What its frames pass before they are packed; null for nothing. Gives what was there. Any thread. */
  std::shared_ptr<FrameTransform> setTransform(std::shared_ptr<FrameTransform> transform);
  std::shared_ptr<FrameTransform> transform() const;

  /** On a codec thread. `tick` is the one that it is sent in. */
  void send(const EncodedPacket& packet, const Tick& tick);
  /** A frame that its transform held back; one older than what was sent last is late. Any thread. */
  bool resume(const FrameInfo& info, std::span<const uint8_t> frame) override;
  /** A packet was not even made, since it could not have been sent. */
  void countUnsent() { wire_->drops.add(DropReason::notWritable); }

  void onNack(uint16_t sequenceNumber, int64_t nowUs);
  void onPictureLoss();

  /** For a sender report; false before the first packet. */
  bool senderInfo(int64_t nowUs, int64_t unixUs, SenderInfo& info) const;
  OutboundStats stats() const;

 private:
  /** What is to be packed in place of the packet's payload; empty when nothing is sent of it now. */
  std::span<const uint8_t> transformed(const FrameInfo& info, std::span<const uint8_t> frame, std::span<uint8_t> out);
  FrameInfo infoOf(const EncodedPacket& packet, const Tick& tick) const;
  void sendFrame(const FrameInfo& info, std::span<const uint8_t> frame);
  size_t build(const FrameInfo& info, std::span<const uint8_t> frame, std::span<uint8_t> buffer,
               const HeaderExtensionIds& ids);
  int64_t unitsPerTick() const;
  void goOnFrom(const StreamPosition& position);
  size_t writePayload(std::span<const uint8_t> payload, uint32_t timestamp, std::span<uint8_t> room);
  /** A packet of the history as RTX, or as it was where RTX is not agreed for its payload type. */
  size_t repeat(std::span<const uint8_t> packet, std::span<uint8_t> buffer);

  const uint32_t handle_;
  const SenderOptions options_;
  const std::shared_ptr<PeerWire> wire_;
  FeedbackState feedback_;

  mutable std::mutex mutex_;
  uint16_t nextSequenceNumber_;
  uint16_t nextRetransmissionNumber_;
  /** Set by the constructor alone. */
  uint32_t timestampOffset_;
  std::optional<RedundancyEncoder> redundancy_;
  PacketHistory history_;
  std::shared_ptr<FrameTransform> transform_;
  bool started_ = false;
  bool retired_ = false;
  uint32_t lastTimestamp_ = 0;
  int64_t lastStartTick_ = 0;
  /** When the first sample of the last packet was due. */
  int64_t lastStartUs_ = 0;
  OutboundStats stats_;
};

}  // namespace troupe
