#pragma once

#include <usrsctp.h>

#include <cstdint>
#include <string>
#include <vector>

#include "IoThread.hpp"
#include "Types.hpp"

namespace troupe::transport {

/** What an association reports, on the I/O thread. */
class SctpListener {
 public:
  virtual ~SctpListener() = default;
  virtual void sendSctp(const uint8_t* data, size_t size) = 0;
  /** `streams`: how many each direction has; both sides have agreed on them. */
  virtual void onSctpConnected(uint16_t streams) = 0;
  virtual void onSctpMessage(uint16_t stream, uint32_t protocolId, std::vector<uint8_t> data) = 0;
  /** A message beyond the largest that is taken; it was dropped. */
  virtual void onSctpOversized(uint16_t stream) = 0;
  /** A message was refused before; there may be room now. */
  virtual void onSctpWritable() = 0;
  virtual void onSctpStreamReset(uint16_t stream, bool isIncoming) = 0;
  virtual void onSctpClosed() = 0;
};

/** One SCTP association over DTLS (RFC 8261), by usrsctp. All on the I/O thread. */
class SctpAssociation {
 public:
  enum class SendResult { sent, full, failed };

  /**
   * Streams each way, at most: what both sides may open at once (kMaximumChannels) with even or with odd ids alone. Each
   * costs 110 bytes whether it is used or not. More are not added later (RFC 6525, section 4.5): a far side need
   * not know such a request, and one that is not answered holds up all others, those that close channels too.
   */
  static constexpr uint16_t kStreams = 512;

  /** Begins to connect. Throws std::runtime_error when usrsctp refuses. */
  SctpAssociation(IoThread& thread, uint16_t localPort, uint16_t remotePort, SctpListener& listener);
  /** Tells the far side by an ABORT. */
  ~SctpAssociation();
  SctpAssociation(const SctpAssociation&) = delete;
  SctpAssociation& operator=(const SctpAssociation&) = delete;

  /** A packet of the far side. */
  void receive(const uint8_t* data, size_t size);
  SendResult send(uint16_t stream, uint32_t protocolId, const uint8_t* data, size_t size,
                  const ChannelOptions& options);
  /**
   * Ends our direction of the stream once what is queued on it was delivered (RFC 6525). One request is on its way at a
   * time; streams that are to be reset meanwhile go together in the next one. False when the far side cannot do it.
   */
  bool resetStream(uint16_t stream);
  /** While false nothing is read: the far side's window closes, and it waits. */
  void setReading(bool isReading);
  /** Sends a HEARTBEAT, which the far side acknowledges (RFC 9260, section 8.3). */
  void probe();

  // For SctpStack.
  void output(const uint8_t* data, size_t size) { listener_.sendSctp(data, size); }
  void onSocketEvent();
  void readAvailable();

 private:
  void configure();
  void limitRetransmission();
  void limitPacketSize();
  void setOption(int option, const void* value, size_t size);
  bool readOne();
  void takePiece(uint16_t stream, uint32_t protocolId, const uint8_t* data, size_t size, bool isLast);
  void onNotification(const uint8_t* data, size_t size);
  void onAssociationChange(const sctp_assoc_change& change);
  void onStreamResets(const uint8_t* data, size_t size);

  IoThread& thread_;
  SctpListener& listener_;
  struct socket* socket_ = nullptr;
  uintptr_t id_ = 0;
  sockaddr_conn remote_{};
  bool isReading_ = true;
  bool isHandlingInput_ = false;
  bool wasFull_ = false;
  bool isClosed_ = false;
  /** The message of which pieces came, and whether it outgrew the bound. */
  std::vector<uint8_t> partial_;
  bool isPartialOversized_ = false;
};

}  // namespace troupe::transport
