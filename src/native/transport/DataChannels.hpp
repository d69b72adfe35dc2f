#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ChannelGauge.hpp"
#include "Dcep.hpp"
#include "Drops.hpp"
#include "IoThread.hpp"
#include "SctpAssociation.hpp"
#include "Statistics.hpp"
#include "Types.hpp"

namespace troupe::transport {

/** What the data channels of a transport report, on the I/O thread. */
class ChannelListener {
 public:
  virtual ~ChannelListener() = default;
  /** The far side opened a channel; it is open. */
  virtual void onChannel(uint32_t channel, const std::string& label, const ChannelOptions& options,
                         std::shared_ptr<ChannelGauge> gauge) = 0;
  virtual void onChannelOpen(uint32_t channel) = 0;
  virtual void onChannelMessage(uint32_t channel, std::vector<uint8_t> data, bool isBinary) = 0;
  virtual void onChannelLow(uint32_t channel) = 0;
  /** `reason` is empty unless it could not be opened. */
  virtual void onChannelClosed(uint32_t channel, const std::string& reason) = 0;
};

/** A number that this process has not given out yet, for transports and channels. */
uint32_t nextHandle();

/** The data channels of one transport (RFC 8831) and the association under them. All on the I/O thread. */
class DataChannels : private SctpListener {
 public:
  /** `send` takes SCTP packets to the DTLS association. */
  using Send = std::function<void(const uint8_t*, size_t)>;

  DataChannels(IoThread& thread, Drops& drops, ChannelListener& listener, Send send);
  ~DataChannels() override;

  /** DTLS is up: the association may connect. The DTLS client takes even stream ids (RFC 8832, section 6). */
  void start(bool isDtlsClient, uint16_t remotePort, size_t remoteMaximumMessageBytes);
  bool isStarted() const { return association_ != nullptr; }
  /** Ends the association and all channels. */
  void stop();
  void receive(const uint8_t* data, size_t size);

  /** Throws InvalidParameters, also where no stream is left; before the association is there that closes it later. */
  void open(uint32_t channel, const std::string& label, const ChannelOptions& options,
            std::shared_ptr<ChannelGauge> gauge);
  /** `data` was reserved in the channel's gauge. */
  void send(uint32_t channel, std::vector<uint8_t> data, bool isBinary);
  /** Closes once what is queued was delivered. */
  void close(uint32_t channel);
  /** While false nothing is read from the association. */
  void setReading(bool isReading);
  /** Asks the far side for a packet, where there is an association. */
  void probe();
  std::vector<ChannelStats> stats() const;
  /** How many channels came to be open, and how many of those no longer are. */
  uint32_t opened() const { return opened_; }
  uint32_t closed() const { return closed_; }

 private:
  enum class State { connecting, open, closing };

  struct Channel {
    uint32_t handle = 0;
    std::string label;
    ChannelOptions options;
    State state = State::connecting;
    std::shared_ptr<ChannelGauge> gauge;
    /** Told to the far side by DCEP; else both sides agreed on its id. */
    bool isAnnounced = false;
    /** Messages of it in the send queue. */
    size_t queued = 0;
    bool isOutgoingReset = false;
    bool isIncomingReset = false;
    bool isResetRequested = false;
    bool isClosedReported = false;
    bool wasOpen = false;
    uint64_t messagesSent = 0;
    uint64_t messagesReceived = 0;
    uint64_t bytesSent = 0;
    uint64_t bytesReceived = 0;
  };

  struct Outgoing {
    uint32_t channel;
    uint32_t protocolId;
    std::vector<uint8_t> data;
    /** Bytes to take out of the gauge. */
    size_t reserved;
  };

  void sendSctp(const uint8_t* data, size_t size) override { send_(data, size); }
  void onSctpConnected(uint16_t streams) override;
  void onSctpMessage(uint16_t stream, uint32_t protocolId, std::vector<uint8_t> data) override;
  void onSctpOversized(uint16_t stream) override;
  void onSctpWritable() override { flush(); }
  void onSctpStreamReset(uint16_t stream, bool isIncoming) override;
  void onSctpClosed() override;

  void announce(Channel& channel);
  /** Why there is no stream for it; empty where there is. */
  std::string assignId(Channel& channel);
  void onDcep(uint16_t stream, const std::vector<uint8_t>& message);
  void acceptChannel(uint16_t stream, const DcepOpen& open);
  void enqueue(Channel& channel, uint32_t protocolId, std::vector<uint8_t> data, size_t reserved);
  void flush();
  void setOpen(Channel& channel);
  void reportClosed(Channel& channel, const std::string& reason = "");
  void resetWhenFlushed(Channel& channel);
  /** False when it had to be given up: the channel is gone. */
  bool requestReset(Channel& channel);
  /** Lets go of a channel that the far side has ended already, so that its stream is free for what comes on it. */
  void replaceEnded(Channel& channel);
  void closeAll();
  Channel* byHandle(uint32_t handle);
  Channel* byStream(uint16_t stream);

  IoThread& thread_;
  Drops& drops_;
  ChannelListener& listener_;
  Send send_;
  std::unique_ptr<SctpAssociation> association_;
  bool isConnected_ = false;
  /** How many each direction has. */
  uint16_t streams_ = SctpAssociation::kStreams;
  /** The association came to its end; there is no other. */
  bool isEnded_ = false;
  bool isReading_ = true;
  bool isDtlsClient_ = false;
  bool isFlushing_ = false;
  size_t remoteMaximumMessageBytes_ = 0;
  uint32_t opened_ = 0;
  uint32_t closed_ = 0;
  std::map<uint32_t, Channel> channels_;
  std::deque<Outgoing> queue_;
  /** Of channels that were let go of; what is told of their resets is not for what has the stream now. */
  std::set<uint16_t> pendingResets_;
};

}  // namespace troupe::transport
