#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "DropCounters.hpp"
#include "HeaderExtensionIds.hpp"
#include "PacketPort.hpp"

namespace troupe {

/** What all streams of a peer share: the way out, the negotiated extension ids, and the counts of what was dropped. */
class PeerWire {
 public:
  void setSender(std::shared_ptr<PacketSender> sender);
  void setWritable(bool writable) { writable_ = writable; }
  bool isWritable() const { return writable_; }

  void setExtensionIds(const HeaderExtensionIds& ids);
  HeaderExtensionIds extensionIds() const;

  /**
   * Writes the next transport-wide sequence number into the packet, where it has the extension and that was agreed. Once
   * for each packet, before it is remembered: one that is sent again as it was has to be the same to the last bit, since
   * SRTP uses its sequence number as nonce, and with AES-GCM two packets of one nonce give away the key of authentication.
   */
  void stamp(std::span<uint8_t> packet);
  /** Called with no lock of a stream held, since an in-process wire answers on the same thread. */
  bool sendRtp(std::span<const uint8_t> packet, bool isVideo = false);
  bool sendRtcp(std::span<const uint8_t> packet);

  DropCounters drops;

 private:
  std::shared_ptr<PacketSender> sender() const;

  mutable std::mutex mutex_;
  std::shared_ptr<PacketSender> sender_;
  HeaderExtensionIds extensionIds_;
  std::atomic<uint16_t> nextTransportNumber_{0};
  std::atomic<bool> writable_{false};
};

}  // namespace troupe
