#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "SenderStream.hpp"
#include "Tick.hpp"

namespace troupe {

/** Makes packets and gives each to all its senders. Senders come and go while no tick runs. */
class PacketStream : public Task {
 public:
  void addSender(std::shared_ptr<SenderStream> sender) { senders_.push_back(std::move(sender)); }
  void removeSender(const SenderStream* sender) {
    std::erase_if(senders_, [sender](const auto& held) { return held.get() == sender; });
  }
  bool hasSenders() const { return !senders_.empty(); }
  bool isOnlySender(const SenderStream* sender) const { return senders_.size() == 1 && senders_[0].get() == sender; }

 protected:
  /** Whether making a packet is worth it. What nobody could send is counted at each sender. */
  bool hasWritableSender() const {
    if (std::ranges::any_of(senders_, [](const auto& held) { return held->isWritable(); })) return true;
    for (const auto& sender : senders_) sender->countUnsent();
    return false;
  }
  void send(const EncodedPacket& packet, const Tick& tick) {
    for (const auto& sender : senders_) sender->send(packet, tick);
  }
  const std::vector<std::shared_ptr<SenderStream>>& senders() const { return senders_; }

 private:
  std::vector<std::shared_ptr<SenderStream>> senders_;
};

}  // namespace troupe
