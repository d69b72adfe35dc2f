#include "PacketHistory.hpp"

#include <algorithm>
#include <cstring>

namespace troupe {

PacketHistory::PacketHistory(size_t maximumPackets, size_t maximumBytes)
    : entries_(std::max<size_t>(maximumPackets, 1)), ring_(maximumBytes) {}

bool PacketHistory::store(uint16_t sequenceNumber, std::span<const uint8_t> packet, int64_t nowUs) {
  if (packet.empty() || packet.size() > ring_.size()) return false;
  if (count_ == entries_.size()) dropOldest();
  const size_t offset = makeRoom(packet.size());
  std::memcpy(&ring_[offset], packet.data(), packet.size());
  at(count_) = {offset, packet.size(), nowUs, sequenceNumber};
  count_ += 1;
  return true;
}

size_t PacketHistory::makeRoom(size_t size) {
  while (count_ > 0) {
    const size_t oldest = at(0).offset;
    const size_t end = at(count_ - 1).offset + at(count_ - 1).size;
    if (oldest < end) {
      // Used bytes are in one piece: free are those behind it and those before it.
      if (ring_.size() - end >= size) return end;
      if (oldest >= size) return 0;
    } else if (oldest - end >= size) {
      return end;
    }
    dropOldest();
  }
  return 0;
}

void PacketHistory::dropOldest() {
  first_ = (first_ + 1) % entries_.size();
  count_ -= 1;
}

std::span<const uint8_t> PacketHistory::take(uint16_t sequenceNumber, int64_t nowUs, int64_t roundTripUs) {
  // From the newest: what is asked for is mostly recent, and a number that came round again means the newer one.
  for (size_t i = count_; i-- > 0;) {
    Entry& entry = at(i);
    if (entry.sequenceNumber != sequenceNumber) continue;
    if (nowUs - entry.lastSentUs < std::max(roundTripUs, kMinimumResendUs) && entry.resent) return {};
    entry.lastSentUs = nowUs;
    entry.resent = true;
    return {&ring_[entry.offset], entry.size};
  }
  return {};
}

bool PacketHistory::holds(uint16_t sequenceNumber) const {
  for (size_t i = 0; i < count_; ++i)
    if (at(i).sequenceNumber == sequenceNumber) return true;
  return false;
}

void PacketHistory::clear() {
  first_ = 0;
  count_ = 0;
}

size_t PacketHistory::bytes() const {
  size_t sum = 0;
  for (size_t i = 0; i < count_; ++i) sum += at(i).size;
  return sum;
}

}  // namespace troupe
