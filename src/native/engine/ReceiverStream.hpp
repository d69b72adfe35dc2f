#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "FrameTransform.hpp"
#include "JitterBuffer.hpp"
#include "NackGenerator.hpp"
#include "PeerWire.hpp"
#include "Producer.hpp"
#include "ReceptionStatistics.hpp"
#include "SenderReportTiming.hpp"
#include "StreamDecoder.hpp"
#include "StreamOptions.hpp"

namespace troupe {

/** Takes the packets that a receiver gets, unparsed beyond their header. Called on the I/O thread. */
class PacketTap {
 public:
  virtual ~PacketTap() = default;
  virtual void onPacket(const RtpPacket& packet, const HeaderExtensionIds& ids, int64_t nowUs) = 0;
};

/**
 * One incoming stream. Packets come in on the I/O thread and wait in the jitter buffer; they are decoded on a codec
 * thread, and only while someone pulls. The lock is held while packets are put in and taken out, never while decoding.
 */
class ReceiverStream final : public Producer {
 public:
  /** SSRCs that are told apart at a time; the one that was quiet longest makes room. */
  static constexpr size_t kMaximumSsrcs = 4;
  static constexpr int64_t kKeyFrameIntervalUs = 500'000;
  /** Two losses within this time are worth a longer delay if that repairs them. */
  static constexpr int64_t kBlindLossPairUs = 10'000'000;

  ReceiverStream(uint32_t handle, ReceiverOptions options, std::shared_ptr<PeerWire> wire);

  // Any thread.
  void update(ReceiverOptions options);
  void receive(const RtpPacket& packet, const HeaderExtensionIds& ids, int64_t arrivalUs);
  /** False when the SSRC is not one of its own. */
  bool onSenderReport(uint32_t ssrc, const SenderInfo& info, int64_t arrivalUs);
  /** What its frames pass before the jitter buffer; null for nothing. Taps see packets as they came. */
  void setTransform(std::shared_ptr<FrameTransform> transform);
  void addTap(std::shared_ptr<PacketTap> tap);
  void removeTap(const PacketTap* tap);
  /** Fills `requests` with sequence numbers to ask for; `ssrc` says of which stream. */
  size_t collectNacks(int64_t nowUs, std::span<uint16_t> requests, uint32_t& ssrc);
  /** The SSRC to ask for a key frame, unless it was asked just now. */
  std::optional<uint32_t> takeKeyFrameRequest(int64_t nowUs);
  void appendReportBlocks(std::vector<ReportBlock>& blocks, int64_t nowUs);
  void setRoundTrip(int64_t roundTripUs);
  bool hasPayloadType(uint8_t payloadType) const;
  ReceiverOptions options() const;
  /** The longest time between two packets of its newest stream since the last call. */
  int64_t takeLongestGapUs();
  void appendStats(std::vector<InboundStats>& out) const;

  PcmFormat preferredFormat() const override { return {}; }
  bool isDecodable() const override { return kind_ == MediaKind::audio; }

 protected:
  bool produce(const Tick& tick, PcmFrame& frame) override;
  void outputsChanged() override;

 private:
  struct Incoming {
    Incoming(uint32_t streamSsrc, uint32_t clockRate) : ssrc(streamSsrc), statistics(clockRate) {}
    uint32_t ssrc;
    int payloadType = -1;
    ReceptionStatistics statistics;
    SenderReportTiming timing;
    NackGenerator nacks;
  };
  using Taps = std::vector<std::shared_ptr<PacketTap>>;

  Incoming& incomingFor(uint32_t ssrc, uint32_t clockRate);
  const CodecParameters* codecFor(uint8_t payloadType) const;
  std::shared_ptr<const Taps> store(const RtpPacket& packet, int64_t arrivalUs);
  void insert(const RtpPacket& packet, const CodecParameters& codec, int64_t arrivalUs);
  /** What is to be decoded in place of the packet's payload; empty when nothing is of it now. */
  std::span<const uint8_t> transformed(const RtpPacket& packet, int64_t arrivalUs, std::span<uint8_t> out);
  JitterBuffer::Output pop(int64_t nowUs);
  /** Makes the delay longer when losses could be repaired if only their followers were waited for. */
  void watchLosses(const JitterBuffer::Output& due, int64_t nowUs);
  void reportFlow(const Tick& tick);
  void appendDecoding(InboundStats& stats) const;

  const MediaKind kind_;
  const std::shared_ptr<PeerWire> wire_;

  mutable std::mutex mutex_;
  ReceiverOptions options_;
  std::vector<std::unique_ptr<Incoming>> incoming_;
  std::shared_ptr<const Taps> taps_;
  std::shared_ptr<FrameTransform> transform_;
  /** Only while someone pulls. */
  std::unique_ptr<JitterBuffer> jitterBuffer_;
  int64_t roundTripUs_ = 50'000;
  int64_t keyFrameAskedUs_;
  uint64_t nacksSent_ = 0;
  uint64_t keyFramesAsked_ = 0;
  /** A copy of the decoder's. */
  DecodingStats decoding_;

  // Of the codec thread.
  std::unique_ptr<StreamDecoder> decoder_;
  bool flowing_ = false;
  bool hasPlayed_ = false;
  uint16_t lastPlayed_ = 0;
  /** A gap was concealed before it was known what comes after it. */
  bool concealedBlindly_ = false;
  int64_t lastBlindLossUs_;
  std::array<uint8_t, JitterBuffer::kMaximumPayloadBytes> payload_;
};

}  // namespace troupe
