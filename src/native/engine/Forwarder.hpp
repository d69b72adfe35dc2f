#pragma once
// Rewrites the packets of one stream for another peer: SSRC, sequence, timestamp, payload type, header extensions.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "HeaderExtensionIds.hpp"
#include "PacketHistory.hpp"
#include "RtcpTypes.hpp"
#include "RtpPacket.hpp"
#include "VideoPayload.hpp"

namespace troupe {

struct ForwarderOptions {
  /** Of the stream that the far peer sees. */
  uint32_t ssrc = 0;
  std::string mid;
  /** Hz of the RTP clock. */
  uint32_t clockRate = 48'000;
  /** Payload type at the source and at the target; others are dropped. */
  std::vector<std::pair<uint8_t, uint8_t>> payloadTypes;
  /** Header-extension ids of the target peer. */
  HeaderExtensionIds extensionIds;
  /** First sequence number and timestamp sent; random ones in earnest (RFC 3550 section 5.1). */
  uint16_t firstSequenceNumber = 0;
  uint32_t firstTimestamp = 0;
  /** RTX (RFC 4588): what is sent again goes out as a stream of its own; as it was where the SSRC is 0. */
  uint32_t retransmissionSsrc = 0;
  /** Payload type at the target, and that of its retransmissions. */
  std::vector<std::pair<uint8_t, uint8_t>> retransmissionPayloadTypes;
  uint16_t firstRetransmissionNumber = 0;
  /** 0 keeps none: nothing can be sent again from here. */
  size_t historyPackets = 128;
  size_t historyBytes = 32 * 1024;
  /** Writes into a packet what no other one has, before it is remembered; see PeerWire::stamp. */
  std::function<void(std::span<uint8_t>)> stamp = [](std::span<uint8_t>) {};
};

/** Not thread-safe. Allocates only in the constructor and the setters. */
class Forwarder {
 public:
  enum class Drop : uint8_t { none, unknownPayloadType, tooLarge, tooOld, empty };

  /** Jumps beyond these of the source's sequence are bridged as a restart. */
  static constexpr int kMaximumGap = 1000;

  explicit Forwarder(const ForwarderOptions& options);

  /**
   * The packet for the target, in a buffer of this object that is valid until the next call; empty when it was
   * dropped, and lastDrop() says why. `sourceIds` are the ids of the peer that it came from. With `codec` the numbers
   * of pictures go on over a change of the source.
   */
  std::span<const uint8_t> forward(const RtpPacket& packet, const HeaderExtensionIds& sourceIds, int64_t nowUs,
                                   VideoCodec codec = VideoCodec::none);
  Drop lastDrop() const { return lastDrop_; }

  /**
   * Answers a NACK of the target from the history; empty when the packet is gone or was sent just now. Valid until the
   * next call.
   */
  std::span<const uint8_t> retransmit(uint16_t sequenceNumber, int64_t nowUs, int64_t roundTripUs);
  /** Whether a packet that was sent under this number can be sent again, now or a round trip after the last time. */
  bool holds(uint16_t sequenceNumber) const { return history_.holds(sequenceNumber); }
  /** The sequence number at the present source of one that we sent; nothing when it is too old to know. */
  std::optional<uint16_t> sourceSequenceNumber(uint16_t sequenceNumber) const;
  /** The SSRC to ask for a key frame; nothing before the first packet. */
  std::optional<uint32_t> sourceSsrc() const;

  /** For our own sender report: counts, and the timestamp that belongs to `nowUs`. False before the first packet. */
  bool senderInfo(int64_t nowUs, int64_t unixUs, SenderInfo& info) const;

  void setMid(const std::string& mid) { mid_ = mid; }
  void setPayloadTypes(const std::vector<std::pair<uint8_t, uint8_t>>& payloadTypes);
  void setExtensionIds(const HeaderExtensionIds& ids) { extensionIds_ = ids; }

  uint32_t ssrc() const { return ssrc_; }
  uint8_t lastPayloadType() const { return lastPayloadType_; }
  uint64_t packetsSent() const { return packetsSent_; }
  /** Payload only. */
  uint64_t bytesSent() const { return bytesSent_; }
  uint64_t headerBytesSent() const { return headerBytesSent_; }
  uint64_t packetsRetransmitted() const { return packetsRetransmitted_; }
  uint64_t bytesRetransmitted() const { return bytesRetransmitted_; }

 private:
  static constexpr uint8_t kNotForwarded = 0xff;

  /** Beyond this distance the start of a run is moved along, before its number comes round again. */
  static constexpr int kForgetRunStart = 20'000;

  struct Place {
    uint16_t sequenceNumber;
    uint32_t timestamp;
  };
  /** Where the packet goes in the target's stream; nothing for one from before the present run. */
  std::optional<Place> placeOf(const RtpPacket& packet, int64_t nowUs);
  bool continuesRun(const RtpPacket& packet) const;
  /** A run is a stretch of one source's packets with one offset: after a change the target's numbers go on. */
  void startRun(const RtpPacket& packet, int64_t nowUs);
  std::span<const uint8_t> drop(const RtpPacket& packet, Drop reason);
  size_t write(const RtpPacket& packet, const HeaderExtensionIds& sourceIds, uint8_t payloadType, const Place& place,
               int64_t nowUs, VideoCodec codec);
  std::optional<uint16_t> inRun(uint16_t source) const;
  std::span<const uint8_t> wrap(std::span<const uint8_t> packet);

  uint32_t ssrc_;
  std::string mid_;
  uint32_t clockRate_;
  HeaderExtensionIds extensionIds_;
  std::function<void(std::span<uint8_t>)> stamp_;
  std::array<uint8_t, 128> payloadTypes_;
  PacketHistory history_;
  bool hasHistory_;
  std::array<uint8_t, kMaximumForwardedPacketBytes> buffer_;
  PictureNumbers pictures_;
  const uint32_t retransmissionSsrc_;
  const std::vector<std::pair<uint8_t, uint8_t>> retransmissionPayloadTypes_;
  uint16_t nextRetransmissionNumber_;

  bool started_ = false;
  uint32_t sourceSsrc_ = 0;
  uint16_t sourceHighest_ = 0;
  uint16_t runStart_ = 0;
  /** Added to the source's numbers; `offsetBefore_` to those older than `boundary_`, a packet left out. */
  uint16_t sequenceOffset_ = 0;
  uint16_t offsetBefore_ = 0;
  uint16_t boundary_ = 0;
  bool hasBoundary_ = false;
  uint32_t timestampOffset_ = 0;
  uint16_t highestSequenceNumber_;
  uint32_t highestTimestamp_;
  int64_t highestSentUs_ = 0;

  Drop lastDrop_ = Drop::none;
  uint8_t lastPayloadType_ = 0;
  uint64_t packetsSent_ = 0;
  uint64_t bytesSent_ = 0;
  uint64_t headerBytesSent_ = 0;
  uint64_t packetsRetransmitted_ = 0;
  uint64_t bytesRetransmitted_ = 0;
};

}  // namespace troupe
