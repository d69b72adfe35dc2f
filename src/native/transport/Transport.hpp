#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "../engine/PacketPort.hpp"
#include "DataChannels.hpp"
#include "DtlsEndpoint.hpp"
#include "Drops.hpp"
#include "IceConnection.hpp"
#include "IoThread.hpp"
#include "IoTimer.hpp"
#include "NetworkWatch.hpp"
#include "PacketKind.hpp"
#include "SrtpSession.hpp"
#include "Statistics.hpp"
#include "Types.hpp"

namespace troupe::transport {

/** What a transport reports, on the I/O thread. */
class TransportListener {
 public:
  virtual ~TransportListener() = default;
  virtual void onCandidate(const std::string& candidate) = 0;
  virtual void onGathered() = 0;
  virtual void onState(TransportState state, const std::string& reason) = 0;
  /**
   * The machine's addresses are others than those that the sockets are on, or its default route is another.
   * `isPathLost`: the address that the path took is gone, and there is another: only a restart on new sockets helps.
   */
  virtual void onNetwork(bool isPathLost) = 0;
  virtual void onChannel(uint32_t channel, const std::string& label, const ChannelOptions& options,
                         std::shared_ptr<ChannelGauge> gauge) = 0;
  virtual void onChannelOpen(uint32_t channel) = 0;
  virtual void onMessage(uint32_t channel, std::vector<uint8_t> data, bool isBinary) = 0;
  virtual void onChannelLow(uint32_t channel) = 0;
  /** `reason` is empty unless it could not be opened. */
  virtual void onChannelClosed(uint32_t channel, const std::string& reason) = 0;
};

/**
 * One peer connection below SDP: ICE, DTLS, SRTP and SCTP on one bundled, multiplexed flow. All on the I/O thread but
 * sendRtp and sendRtcp, which any thread may call at any time, after close() too. Close it before the last reference
 * goes.
 */
class Transport final : public PacketSender,
                        public std::enable_shared_from_this<Transport>,
                        private IceListener,
                        private DtlsListener,
                        private ChannelListener {
 public:
  Transport(IoThread& thread, const TransportOptions& options, TransportListener& listener);
  ~Transport() override = default;

  /** Gathers at the first call. */
  TransportParameters localParameters();
  /** Throws InvalidParameters. Other ICE credentials than before are a restart by the far side or its answer to ours. */
  void setRemoteParameters(TransportParameters parameters);
  /** Candidates that come before the remote parameters are kept. An empty one says that there are no more. */
  bool addRemoteCandidate(const std::string& candidate);
  /**
   * New credentials, and with new sockets new candidates; datagrams take the old path until the far side has the new
   * parameters and a path is found. Throws InvalidParameters when no socket could be had.
   */
  void restartIce(IceRestart form = IceRestart::sameSockets);
  /** Null detaches; what was attached gets no call any more when this returns. */
  void attach(std::shared_ptr<PacketReceiver> receiver);
  /** Throws InvalidParameters. `gauge` is filled while the channel lives. */
  void openChannel(uint32_t channel, const std::string& label, const ChannelOptions& options,
                   std::shared_ptr<ChannelGauge> gauge);
  /** `data` was reserved in the channel's gauge. */
  void sendMessage(uint32_t channel, std::vector<uint8_t> data, bool isBinary);
  void closeChannel(uint32_t channel);
  /** Asks the far side for a sign of life, by SCTP; does nothing where no data channels were agreed. */
  void probe();
  /** What a channel's event weighs while nobody has taken it. */
  static size_t eventWeight(size_t messageBytes) { return messageBytes + kEventOverheadBytes; }
  /** A channel's event was handed over; from any thread while the I/O thread lives. */
  void eventTaken(size_t weight);
  TransportStats stats() const;
  /** Milliseconds since the last packet of any kind came in, -1 before the first. From any thread. */
  int64_t sinceLastPacketMs() const { return sinceMs(lastPacketUs_); }
  void close();

  bool sendRtp(const uint8_t* data, size_t size) override;
  bool sendVideoRtp(const uint8_t* data, size_t size) override;
  bool sendRtcp(const uint8_t* data, size_t size) override;

 private:
  static constexpr size_t kEventOverheadBytes = 256;

  using Protect = bool (SrtpSession::*)(uint8_t*, size_t&);
  using Unprotect = UnprotectResult (SrtpSession::*)(uint8_t*, size_t&);

  void gather();
  bool holdCandidate(const std::string& candidate);
  void applyRemoteIce(const TransportParameters& parameters);
  void startDtlsWhenReady();
  void startChannelsWhenReady();
  void updateConnected();
  void setState(TransportState state, const std::string& reason);
  void setWritable(bool writable);
  bool sendProtected(const uint8_t* data, size_t size, Protect protect, int dscp);
  void receiveProtected(uint8_t* data, size_t size, PacketKind kind, int64_t arrivalUs);
  void holdEarlyPacket(const uint8_t* data, size_t size, PacketKind kind, int64_t arrivalUs);
  void onConnectDeadline();
  void onAllGathered();
  void failWithoutRelay();
  void watchNetwork();
  void onNetworkChanged(bool isRoute);
  void addUntaken(size_t messageBytes);
  bool sendDatagram(const uint8_t* data, size_t size, int dscp);
  Traffic traffic() const;
  void fillDtls(TransportStats& stats) const;
  void fillIce(TransportStats& stats) const;
  static int64_t sinceMs(int64_t timeUs);

  void onLocalCandidate(const std::string& candidate) override;
  void onGathered() override;
  void onIceState(IceState state) override;
  void onSelectedPair() override;
  void onDatagram(uint8_t* data, size_t size) override;
  void onRelayTlsFailed() override { drops_.count(Drop::relayTls); }

  bool sendDtls(const uint8_t* data, size_t size) override;
  void onDtlsConnected(const SrtpKeys& keys) override;
  void onDtlsData(const uint8_t* data, size_t size) override;
  void onDtlsDropped(Drop reason) override { drops_.count(reason); }
  void onDtlsClosed() override;
  void onDtlsFailed(const std::string& reason) override;

  void onChannel(uint32_t channel, const std::string& label, const ChannelOptions& options,
                 std::shared_ptr<ChannelGauge> gauge) override;
  void onChannelOpen(uint32_t channel) override;
  void onChannelMessage(uint32_t channel, std::vector<uint8_t> data, bool isBinary) override;
  void onChannelLow(uint32_t channel) override;
  void onChannelClosed(uint32_t channel, const std::string& reason) override;

  struct EarlyPacket {
    std::vector<uint8_t> data;
    PacketKind kind;
    int64_t arrivalUs;
  };

  IoThread& thread_;
  TransportListener* listener_;
  const bool controlling_;
  const DscpMarks dscp_;
  const bool relayOnly_;
  IceConnection ice_;
  std::unique_ptr<DtlsEndpoint> dtls_;
  std::unique_ptr<DataChannels> channels_;
  std::unique_ptr<IoTimer> deadline_;
  std::unique_ptr<IoTimer> relayDeadline_;
  std::unique_ptr<SrtpSession> srtp_;
  std::shared_ptr<PacketReceiver> receiver_;

  std::unique_ptr<NetworkWatch> network_;
  /** The machine's, when somebody was last told of them. */
  std::vector<std::string> knownAddresses_;
  bool isPathLost_ = false;

  TransportState state_ = TransportState::fresh;
  IceState iceState_ = IceState::fresh;
  bool gatherStarted_ = false;
  bool gathered_ = false;
  bool localParametersTaken_ = false;
  /** A restart of ours that the far side has not answered. */
  bool restartPending_ = false;
  bool remoteKnown_ = false;
  TransportParameters remote_;
  std::vector<std::string> earlyCandidates_;
  /** Those told apart from the parameters, for a restart of ours alone. */
  std::vector<std::string> trickledCandidates_;
  std::deque<EarlyPacket> earlyPackets_;
  std::string srtpProfile_;
  uint64_t packetsReceived_ = 0;
  uint64_t bytesReceived_ = 0;
  uint32_t selectedPairChanges_ = 0;
  /** What had gone over earlier pairs when the pair of now was selected. */
  Traffic earlierPairs_;

  /** Set behind srtp_: whoever sees it true sees the session too. */
  std::atomic<bool> writable_{false};
  std::atomic<uint64_t> packetsSent_{0};
  std::atomic<uint64_t> bytesSent_{0};
  std::atomic<uint64_t> packetsDiscarded_{0};
  std::atomic<uint64_t> bytesDiscarded_{0};
  std::atomic<int64_t> lastPacketUs_{-1};
  std::atomic<int64_t> lastSentUs_{-1};
  /** Weight of the channels' events that wait to be taken. */
  std::atomic<size_t> untaken_{0};
  Drops drops_;
};

}  // namespace troupe::transport
