#include "PeerWire.hpp"

#include <utility>

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

bool PeerWire::sendRtp(std::span<const uint8_t> packet) {
  const auto out = sender();
  const bool sent = out && out->sendRtp(packet.data(), packet.size());
  if (!sent) drops.add(out ? DropReason::sendFailed : DropReason::notWritable);
  return sent;
}

bool PeerWire::sendRtcp(std::span<const uint8_t> packet) {
  const auto out = sender();
  const bool sent = out && out->sendRtcp(packet.data(), packet.size());
  if (!sent) drops.add(out ? DropReason::sendFailed : DropReason::notWritable);
  return sent;
}

std::shared_ptr<PacketSender> PeerWire::sender() const {
  std::lock_guard lock(mutex_);
  return sender_;
}

}  // namespace troupe
