#include "PeerWire.hpp"

#include <utility>

#include "Bytes.hpp"
#include "RtpPacket.hpp"

namespace troupe {

void PeerWire::setSender(std::shared_ptr<PacketSender> sender) {
  // The old one may end here, so outside the lock.
  {
    std::lock_guard lock(mutex_);
    std::swap(sender_, sender);
  }
}

void PeerWire::setExtensionIds(const HeaderExtensionIds& ids) {
  std::lock_guard lock(mutex_);
  extensionIds_ = ids;
}

HeaderExtensionIds PeerWire::extensionIds() const {
  std::lock_guard lock(mutex_);
  return extensionIds_;
}

bool PeerWire::sendRtp(std::span<const uint8_t> packet, bool isVideo) {
  const auto out = sender();
  const bool sent = out && (isVideo ? out->sendVideoRtp(packet.data(), packet.size())
                                    : out->sendRtp(packet.data(), packet.size()));
  if (!sent) drops.add(out ? DropReason::sendFailed : DropReason::notWritable);
  return sent;
}

bool PeerWire::sendRtcp(std::span<const uint8_t> packet) {
  const auto out = sender();
  const bool sent = out && out->sendRtcp(packet.data(), packet.size());
  if (!sent) drops.add(out ? DropReason::sendFailed : DropReason::notWritable);
  return sent;
}

void PeerWire::stamp(std::span<uint8_t> packet) {
  const HeaderExtensionIds ids = extensionIds();
  RtpPacket parsed;
  if (ids.transportSequenceNumber == 0) return;
  if (RtpPacket::parse(packet, parsed) != RtpParseError::none) return;
  const auto value = parsed.extension(ids.transportSequenceNumber);
  if (value.size() < 2) return;
  const auto at = static_cast<size_t>(value.data() - packet.data());
  writeU16(&packet[at], nextTransportNumber_.fetch_add(1, std::memory_order_relaxed));
}

std::shared_ptr<PacketSender> PeerWire::sender() const {
  std::lock_guard lock(mutex_);
  return sender_;
}

}  // namespace troupe
