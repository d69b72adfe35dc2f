#include "HeldPackets.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

bool HeldPackets::hold(uint32_t ssrc, std::span<const uint8_t> bytes, int64_t arrivalUs) {
  if (packets_.size() >= kMaximumPackets || bytes.size() > kMaximumPacketBytes) return false;
  packets_.push_back({ssrc, arrivalUs, {bytes.begin(), bytes.end()}});
  return true;
}

bool HeldPackets::ask(uint32_t ssrc) {
  if (std::find(asked_.begin(), asked_.end(), ssrc) != asked_.end()) return false;
  if (asked_.size() >= kMaximumAsked) asked_.pop_front();
  asked_.push_back(ssrc);
  return true;
}

size_t HeldPackets::expire(int64_t nowUs) {
  size_t expired = 0;
  for (; !packets_.empty() && nowUs - packets_.front().arrivalUs > kMaximumAgeUs; ++expired) packets_.pop_front();
  return expired;
}

std::deque<HeldPackets::Packet> HeldPackets::takeAll() {
  asked_.clear();
  return std::exchange(packets_, {});
}

}  // namespace troupe
