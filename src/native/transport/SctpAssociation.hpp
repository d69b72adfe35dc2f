#pragma once

#include <usrsctp.h>

#include <cstdint>
#include <set>
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
  virtual void onSctpConnected() = 0;
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

  static constexpr uint16_t kStreams = 1024;

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
  /** Ends our direction of the stream once what is queued on it was delivered (RFC 6525). */
  void resetStream(uint16_t stream);
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
  void onAssociationChange(uint16_t state);
  void onStreamResets(const uint8_t* data, size_t size);
  void retryResets();

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
  std::set<uint16_t> waitingResets_;
};

}  // namespace troupe::transport
