#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace troupe {

/** Packets of SSRCs that nobody knows yet: a few, for a short time. Not thread-safe. */
class HeldPackets {
 public:
  static constexpr size_t kMaximumPackets = 64;
  static constexpr size_t kMaximumPacketBytes = 1500;
  static constexpr int64_t kMaximumAgeUs = 500'000;
  /** SSRCs that were asked about and are not asked about again. */
  static constexpr size_t kMaximumAsked = 64;

  struct Packet {
    uint32_t ssrc = 0;
    int64_t arrivalUs = 0;
    std::vector<uint8_t> bytes;
  };

  /** False when there is no room. */
  bool hold(uint32_t ssrc, std::span<const uint8_t> bytes, int64_t arrivalUs);
  /** True the first time that this SSRC is asked about. */
  bool ask(uint32_t ssrc);
  /** Gives the packets dropped for their age. */
  size_t expire(int64_t nowUs);
  /** Hands everything out and forgets what was asked: someone new may know. */
  std::deque<Packet> takeAll();
  bool empty() const { return packets_.empty(); }

 private:
  std::deque<Packet> packets_;
  std::deque<uint32_t> asked_;
};

}  // namespace troupe
