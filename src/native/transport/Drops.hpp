#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace troupe::transport {

enum class Drop : size_t {
  srtpReplay,
  srtpAuthentication,
  beforeKeys,
  unknownPacket,
  sendFailed,
  notWritable,
  oversized,
  candidate,
  mdnsCandidate,
  sctpMessage,
  relayTls,
  dtlsRecord,
  /** Records ahead of a handshake that could not begin yet, beyond what is held. */
  beforeDtls,
  kCount,
};

/** Counts what was dropped, by reason; from any thread. */
class Drops {
 public:
  void count(Drop reason) { counts_[static_cast<size_t>(reason)].fetch_add(1, std::memory_order_relaxed); }
  uint64_t of(Drop reason) const { return counts_[static_cast<size_t>(reason)].load(std::memory_order_relaxed); }

  /** Only reasons that occurred. */
  std::map<std::string, uint64_t> byName() const {
    static constexpr std::array<const char*, static_cast<size_t>(Drop::kCount)> kNames = {
        "srtpReplay", "srtpAuthentication", "beforeKeys", "unknownPacket", "sendFailed",
        "notWritable", "oversized",         "candidate",  "mdnsCandidate", "sctpMessage",
        "relayTls",    "dtlsRecord",     "beforeDtls"};
    std::map<std::string, uint64_t> named;
    for (size_t i = 0; i < kNames.size(); ++i) {
      if (const uint64_t count = counts_[i].load(std::memory_order_relaxed)) named[kNames[i]] = count;
    }
    return named;
  }

 private:
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Drop::kCount)> counts_{};
};

}  // namespace troupe::transport
