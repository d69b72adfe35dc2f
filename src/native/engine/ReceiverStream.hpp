#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "AudioPlayout.hpp"
#include "FrameTransform.hpp"
#include "NackGenerator.hpp"
#include "PeerWire.hpp"
#include "Producer.hpp"
#include "ReceptionStatistics.hpp"
#include "SenderReportTiming.hpp"
#include "StreamOptions.hpp"
#include "VideoPayload.hpp"

namespace troupe {

/** A packet as a receiver got it, and what the receiver knows of it. */
struct TappedPacket {
  const RtpPacket& packet;
  /** Those of the peer that it came to. */
  const HeaderExtensionIds& ids;
  /** The simulcast layer; empty where there are none. */
  std::string_view rid;
  VideoCodec codec = VideoCodec::none;
  int64_t nowUs = 0;
};

/** Takes the packets that a receiver gets. Called on the I/O thread. */
class PacketTap {
 public:
  virtual ~PacketTap() = default;
  /** True when it needs a key frame of the packet's stream. */
  virtual bool onPacket(const TappedPacket& packet) = 0;
};

/**
 * One incoming stream. Packets come in on the I/O thread: retransmissions take the place of what they repeat (RFC 4588),
 * redundant ones are taken apart (RFC 2198), and the frames wait in the playout. They are decoded on a codec thread, and
 * only while someone pulls.
 */
class ReceiverStream final : public Producer, public FrameOutlet {
 public:
  /** SSRCs that are told apart at a time; the one that was quiet longest makes room. */
  static constexpr size_t kMaximumSsrcs = 4;
  static constexpr int64_t kKeyFrameIntervalUs = 500'000;
  /** Repeated requests are this far apart while the round trip is not known. */
  static constexpr int64_t kUnknownRoundTripUs = 50'000;
  /** After this time the round trip is not known any more, and requests find it out again. */
  static constexpr int64_t kRoundTripMemoryUs = 30'000'000;
  static constexpr size_t kMaximumWanted = 64;
  static constexpr int kSilentDbov = -127;
  static constexpr size_t kLongestRid = 15;
  /** What a retransmission takes besides the round trip: the ticks at which requests are sent. */
  static constexpr int64_t kRequestDelayUs = kTickUs + NackGenerator::kFirstRequestDelayUs;

  ReceiverStream(uint32_t handle, ReceiverOptions options, std::shared_ptr<PeerWire> wire);

  // Any thread.
  void update(ReceiverOptions options);
  void receive(const RtpPacket& packet, const HeaderExtensionIds& ids, int64_t arrivalUs);
  /** False when the SSRC is not one of its own. */
  bool onSenderReport(uint32_t ssrc, const SenderInfo& info, int64_t arrivalUs);
  /** The far side sends nothing more of this SSRC (RFC 3550, section 6.6). */
  void onBye(uint32_t ssrc);
  /** What its frames pass before the jitter buffer; null for nothing. Gives what was there. Taps see packets as they came. */
  std::shared_ptr<FrameTransform> setTransform(std::shared_ptr<FrameTransform> transform);
  /** A frame that its transform held back; the delay of that is jitter like any other. */
  bool resume(const FrameInfo& info, std::span<const uint8_t> payload) override;
  void addTap(std::shared_ptr<PacketTap> tap);
  void removeTap(const PacketTap* tap);
  /** Fills `requests` with sequence numbers to ask for; `ssrc` says of which stream. */
  size_t collectNacks(int64_t nowUs, std::span<uint16_t> requests, uint32_t& ssrc);
  /** Lets the next collectNacks() ask for a packet that someone else misses; at most kMaximumWanted wait. */
  void want(uint32_t ssrc, uint16_t sequenceNumber);
  /** Lets takeKeyFrameRequest() ask this stream of it for a key frame; without an SSRC the newest one, or the first to come. */
  void wantKeyFrame(std::optional<uint32_t> ssrc);
  /** The SSRC to ask for a key frame that is wanted, unless it was asked just now: then the wish waits. */
  std::optional<uint32_t> takeKeyFrameRequest(int64_t nowUs);
  /** The loudest that its packets said they are since the last call, in dBov; -127 for silence. */
  int takeLoudest();
  void appendReportBlocks(std::vector<ReportBlock>& blocks, int64_t nowUs);
  void setRoundTrip(int64_t roundTripUs, int64_t nowUs);
  /** Whether a packet of this payload type may be its, though nobody told of the SSRC: none did of another one either. */
  bool takesUnsignalled(uint8_t payloadType) const;
  ReceiverOptions options() const;
  /** The longest time between two packets of the stream that it follows since the last call. */
  int64_t takeLongestGapUs();
  void appendStats(std::vector<InboundStats>& out) const;

  PcmFormat preferredFormat() const override { return {}; }
  bool isDecodable() const override { return kind_ == MediaKind::audio; }

 protected:
  bool produce(const Tick& tick, PcmFrame& frame) override;
  void outputsChanged() override;

 private:
  struct Incoming {
    Incoming(uint32_t streamSsrc, uint32_t clockRate);
    uint32_t ssrc;
    int payloadType = -1;
    uint64_t retransmittedPackets = 0;
    uint64_t retransmittedBytes = 0;
    ReceptionStatistics statistics;
    SenderReportTiming timing;
    NackGenerator nacks;
    /** Its retransmissions, which are a stream of their own to the network (RFC 4588, section 6.3). */
    std::unique_ptr<Incoming> repairs;
    /** Packets that went on with it since the last one of the stream that is followed. */
    int aheadWhileLeft = 0;
    /** Of a simulcast layer; learnt from a header extension that senders leave out once they know it arrived. */
    std::string rid;
    bool keyFrameWanted = false;
    int64_t keyFrameAskedUs;
    uint64_t keyFramesAsked = 0;
  };
  using Taps = std::vector<std::shared_ptr<PacketTap>>;

  /** What an incoming packet is, once retransmissions are told from the rest. */
  struct Arrived {
    RtpPacket packet;
    uint32_t clockRate = 0;
    bool isRedundant = false;
    bool isRetransmission = false;
    VideoCodec videoCodec = VideoCodec::none;
    std::string rid;
  };
  /** Where it goes from here. */
  struct Stored {
    std::shared_ptr<const Taps> taps;
    bool isPlayed = false;
  };

  std::optional<Arrived> identify(const RtpPacket& packet, const HeaderExtensionIds& ids, int64_t arrivalUs);
  void countRepair(uint32_t ssrc, const RtpPacket& packet, uint32_t clockRate, int64_t arrivalUs);
  /** The stream that a retransmission belongs to. */
  std::optional<uint32_t> repairedSsrc(const RtpPacket& packet, int payloadType, const HeaderExtensionIds& ids) const;
  void learnFrom(Incoming& incoming, Arrived& arrived, const HeaderExtensionIds& ids);
  Incoming* find(uint32_t ssrc);
  /** A new one is followed from then on. */
  Incoming& incomingFor(uint32_t ssrc, uint32_t clockRate);
  /**
   * Whether the packet is of the stream that is followed. One that was left is followed again when it goes on while the
   * present one does not: what comes late of it must not bring it back.
   */
  bool follow(Incoming& incoming, ReceptionStatistics::Arrival arrival, int64_t arrivalUs);
  const CodecParameters* codecFor(uint8_t payloadType) const;
  Stored store(Arrived& arrived, const HeaderExtensionIds& ids, int64_t arrivalUs);
  // Without the lock, since what a frame passes may take its time.
  void insert(const Arrived& arrived, int64_t arrivalUs);
  void insertRedundant(const Arrived& arrived, int64_t arrivalUs);
  /** What is to be decoded in place of the frame's payload; empty when nothing is of it now. */
  static std::span<const uint8_t> transformed(FrameTransform& transform, const EncodedFrame& frame,
                                              uint8_t payloadType, int64_t arrivalUs, std::span<uint8_t> out);
  /** False when nothing here decodes it. */
  bool insertFrame(EncodedFrame frame, uint8_t payloadType, int64_t arrivalUs);
  // With the lock from here on.
  /** Gives what is transformed to the playout; nothing when nobody decodes it. */
  std::optional<JitterBuffer::Inserted> play(EncodedFrame frame, uint8_t payloadType, int64_t arrivalUs);
  void countInserted(JitterBuffer::Inserted inserted);
  bool isRoundTripKnown(int64_t nowUs) const { return nowUs - roundTripKnownUs_ < kRoundTripMemoryUs; }
  void learnRoundTrip(int64_t roundTripUs, int64_t nowUs);
  std::optional<NackGenerator::Playout> playoutTimes() const;
  size_t takeWanted(std::span<uint16_t> requests, uint32_t& ssrc);
  void reportFlow(const Tick& tick);
  static void appendRepairs(const Incoming& repairs, InboundStats& stats);
  void appendPlayout(InboundStats& stats) const;

  const MediaKind kind_;
  const std::shared_ptr<PeerWire> wire_;

  mutable std::mutex mutex_;
  ReceiverOptions options_;
  std::vector<std::unique_ptr<Incoming>> incoming_;
  /** The one of them that is played; null while there is none. */
  Incoming* followed_ = nullptr;
  std::shared_ptr<const Taps> taps_;
  std::shared_ptr<FrameTransform> transform_;
  /** Made when someone pulls for the first time; kept afterwards for its figures. */
  std::unique_ptr<AudioPlayout> playout_;
  bool isPulled_ = false;
  /** Of its latest packet. */
  int64_t frameUs_ = JitterBuffer::kDefaultFrameUs;
  int64_t roundTripUs_ = kUnknownRoundTripUs;
  int64_t roundTripKnownUs_;
  uint64_t nacksSent_ = 0;
  int loudest_ = kSilentDbov;
  /** Was wanted before any packet came. */
  bool firstKeyFrameWanted_ = false;
  uint32_t wantedSsrc_ = 0;
  std::array<uint16_t, kMaximumWanted> wanted_;
  size_t wantedCount_ = 0;

  // Of the codec thread.
  bool flowing_ = false;
};

}  // namespace troupe
