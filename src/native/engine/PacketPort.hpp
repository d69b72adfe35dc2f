#pragma once
// The seam between engine and transport: who takes packets in, and who takes them out.

#include <cstddef>
#include <cstdint>

namespace troupe {

/** Takes decrypted packets of one peer. Called on the transport's I/O thread; must not block. */
class PacketReceiver {
 public:
  virtual ~PacketReceiver() = default;
  virtual void receiveRtp(const uint8_t* data, size_t size, int64_t arrivalUs) = 0;
  virtual void receiveRtcp(const uint8_t* data, size_t size, int64_t arrivalUs) = 0;
  /** True from the moment that packets sent will reach the far side (ICE and DTLS done). */
  virtual void setWritable(bool writable) = 0;
};

/** Encrypts and sends packets of one peer. Called on engine threads; any number of them, must not block long. */
class PacketSender {
 public:
  virtual ~PacketSender() = default;
  /** False when the packet was not sent (not connected yet, or the socket refused it); it is counted there. */
  virtual bool sendRtp(const uint8_t* data, size_t size) = 0;
  /** As sendRtp, for packets of video, where a network may treat those otherwise. */
  virtual bool sendVideoRtp(const uint8_t* data, size_t size) { return sendRtp(data, size); }
  virtual bool sendRtcp(const uint8_t* data, size_t size) = 0;
};

}  // namespace troupe
