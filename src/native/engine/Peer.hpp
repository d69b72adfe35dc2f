#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "BatchQueue.hpp"
#include "ForwardedStream.hpp"
#include "HeldPackets.hpp"
#include "PacketPort.hpp"
#include "PeerWire.hpp"
#include "ReceiverStream.hpp"
#include "RtcpBuilder.hpp"
#include "SenderStream.hpp"
#include "StreamPositions.hpp"
#include "Tick.hpp"
#include "TransportFeedback.hpp"

namespace troupe {

/**
 * The media side of one peer connection. Packets come in on the transport's thread and are given to receivers by SSRC;
 * reports and requests go out once a tick on a codec thread. The lock is held to look things up, never while sending.
 */
class Peer final : public PacketReceiver, public Task, public std::enable_shared_from_this<Peer> {
 public:
  /** Mean time between reports; each one is varied by half (RFC 3550, section 6.2). */
  static constexpr int64_t kReportIntervalUs = 1'000'000;
  /** Between messages of transport-wide feedback, where that was agreed. */
  static constexpr int64_t kFeedbackIntervalUs = 100'000;

  /** `unixOffsetUs` added to monotonic time gives Unix time. `events` must outlive every call but the last release. */
  Peer(uint32_t handle, std::shared_ptr<BatchQueue> events, int64_t unixOffsetUs);

  uint32_t handle() const { return handle_; }
  const std::shared_ptr<PeerWire>& wire() const { return wire_; }

  // From JavaScript's thread.
  void addReceiver(std::shared_ptr<ReceiverStream> receiver);
  void updateReceiver(ReceiverStream& receiver, ReceiverOptions options);
  void removeReceiver(const ReceiverStream* receiver);
  /** Goes on where an earlier sender of the same SSRC stood. */
  std::shared_ptr<SenderStream> createSender(uint32_t handle, SenderOptions options);
  /** `sender` ends without a goodbye; what takes its place has its transform and what is known of the way. */
  std::shared_ptr<SenderStream> replaceSender(SenderStream& sender, SenderOptions options);
  void removeSender(SenderStream& sender);
  void addForwarder(std::shared_ptr<ForwardedStream> forwarder, std::weak_ptr<ReceiverStream> receiver,
                    std::weak_ptr<Peer> sourcePeer);
  void removeForwarder(const ForwardedStream* forwarder);
  /** Asks the sender of `ssrc`, or of the receiver's newest stream, for a key frame: at once, or as soon as it may. */
  void requestKeyFrame(ReceiverStream& receiver, std::optional<uint32_t> ssrc, int64_t nowUs);
  void appendStats(std::vector<InboundStats>& inbound, std::vector<OutboundStats>& outbound) const;
  TransportFeedbackStats transportFeedbackStats() const;
  /** Nothing comes in or goes out from then on. */
  void close();

  // From the transport's thread.
  void receiveRtp(const uint8_t* data, size_t size, int64_t arrivalUs) override;
  void receiveRtcp(const uint8_t* data, size_t size, int64_t arrivalUs) override;
  void setWritable(bool writable) override;

  // From a codec thread.
  void run(const Tick& tick) override;
  Producer* upstream() const override { return nullptr; }

 private:
  class RtcpHandler;

  struct Forwarding {
    std::shared_ptr<ForwardedStream> stream;
    std::weak_ptr<ReceiverStream> receiver;
    std::weak_ptr<Peer> sourcePeer;
  };

  void receive(const uint8_t* data, size_t size, int64_t arrivalUs, bool isReplay);
  std::shared_ptr<ReceiverStream> findReceiver(const RtpPacket& packet, const HeaderExtensionIds& ids);
  /**
   * By the mid, else by the payload type where it is one receiver's alone (RFC 8843, section 9.2). One whose SSRCs were
   * signalled takes no other by that: it is of an m-line that is not agreed yet.
   */
  std::shared_ptr<ReceiverStream> learnReceiver(const RtpPacket& packet, const HeaderExtensionIds& ids);
  void hold(const RtpPacket& packet, const HeaderExtensionIds& ids, int64_t arrivalUs);
  /** Hands in again what was held for want of a receiver. */
  void replay(std::deque<HeldPackets::Packet> packets);
  std::shared_ptr<ReceiverStream> knownReceiver(uint32_t ssrc) const;
  std::shared_ptr<SenderStream> findSender(uint32_t ssrc) const;
  Forwarding findForwarding(uint32_t ssrc) const;
  void sendNacks(int64_t nowUs);
  void sendKeyFrameRequests(int64_t nowUs);
  void sendKeyFrameRequests(ReceiverStream& receiver, int64_t nowUs);
  void sendMaximumBitRate();
  void sendTransportFeedback(int64_t nowUs);
  void sendReports(int64_t nowUs);
  void sendBye(uint32_t ssrc, const std::string& cname);
  void bindSsrcs(const std::shared_ptr<ReceiverStream>& receiver, const ReceiverOptions& options);
  void tellRoundTrip(int64_t roundTripUs, int64_t nowUs);
  void forgetSsrcsOf(const ReceiverStream* receiver);
  uint32_t feedbackSsrc() const;

  const uint32_t handle_;
  const std::shared_ptr<BatchQueue> events_;
  const std::shared_ptr<PeerWire> wire_;
  const int64_t unixOffsetUs_;
  /** Names us in feedback while we send nothing. */
  const uint32_t ownSsrc_;

  mutable std::mutex mutex_;
  std::unordered_map<uint32_t, std::shared_ptr<ReceiverStream>> receiversBySsrc_;
  std::vector<std::shared_ptr<ReceiverStream>> receivers_;
  std::vector<std::shared_ptr<SenderStream>> senders_;
  StreamPositions positions_;
  std::vector<Forwarding> forwardings_;
  HeldPackets held_;
  bool closed_ = false;

  TransportArrivals arrivals_;
  std::atomic<uint32_t> feedbacksSent_{0};
  std::atomic<uint32_t> feedbacksReceived_{0};
  std::atomic<uint64_t> packetsReported_{0};
  std::atomic<uint64_t> packetsReportedLost_{0};

  // Of the codec thread.
  int64_t nextReportUs_ = 0;
  int64_t nextFeedbackUs_ = 0;
  std::vector<std::shared_ptr<ReceiverStream>> askers_;
};

}  // namespace troupe
