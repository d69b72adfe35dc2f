#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "LocalWire.hpp"

namespace troupe {

/** What a LossyWire does to RTP; the same seed loses the same packets. */
struct WireImpairment {
  double lossPercent = 0;
  /** Each packet comes with one of so many that follow it, or at once. */
  int maximumPacketsLate = 0;
  uint32_t seed = 1;
};

/** One way of a wire in this process that loses RTP packets and brings them late and out of order. RTCP passes. */
class LossyWire final : public PacketSender {
 public:
  LossyWire(std::weak_ptr<PacketReceiver> to, std::function<int64_t()> nowUs, const WireImpairment& impairment)
      : wire_(std::move(to), std::move(nowUs)), impairment_(impairment), random_(impairment.seed) {}

  bool sendRtp(const uint8_t* data, size_t size) override {
    std::deque<Packet> due;
    {
      std::lock_guard lock(mutex_);
      for (Packet& held : held_) --held.packetsLate;
      if (!isLost()) held_.push_back({drawLateness(), {data, data + size}});
      for (auto at = held_.begin(); at != held_.end();) {
        if (at->packetsLate > 0) {
          ++at;
          continue;
        }
        due.push_back(std::move(*at));
        at = held_.erase(at);
      }
    }
    for (const Packet& packet : due) wire_.sendRtp(packet.bytes.data(), packet.bytes.size());
    return true;
  }
  bool sendRtcp(const uint8_t* data, size_t size) override { return wire_.sendRtcp(data, size); }

 private:
  struct Packet {
    int packetsLate = 0;
    std::vector<uint8_t> bytes;
  };

  /** From 0 to 1 (Numerical Recipes' linear congruential generator). */
  double draw() {
    random_ = random_ * 1'664'525 + 1'013'904'223;
    return (random_ >> 8) / 16'777'216.0;
  }
  bool isLost() { return draw() * 100 < impairment_.lossPercent; }
  int drawLateness() { return static_cast<int>(draw() * (impairment_.maximumPacketsLate + 1)); }

  LocalWire wire_;
  const WireImpairment impairment_;
  std::mutex mutex_;
  uint32_t random_;
  std::deque<Packet> held_;
};

}  // namespace troupe
