#pragma once
// The packets sent last, for retransmission: a ring bounded by count and bytes, allocated once.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace troupe {

class PacketHistory {
 public:
  /** A packet is sent again at most this often however short the round trip. */
  static constexpr int64_t kMinimumResendUs = 10'000;

  /** 128 audio packets of 20 ms are 2.5 s. */
  explicit PacketHistory(size_t maximumPackets = 128, size_t maximumBytes = 32 * 1024);

  /** Copies the packet in and drops the oldest as needed. False when it is larger than the whole ring. */
  bool store(uint16_t sequenceNumber, std::span<const uint8_t> packet, int64_t nowUs);

  /**
   * The packet to send again; empty when it is gone, or was sent again less than a round trip ago.
   * The view is valid until the next store().
   */
  std::span<const uint8_t> take(uint16_t sequenceNumber, int64_t nowUs, int64_t roundTripUs);

  bool holds(uint16_t sequenceNumber) const;

  void clear();
  size_t packets() const { return count_; }
  size_t bytes() const;

 private:
  struct Entry {
    size_t offset = 0;
    size_t size = 0;
    int64_t lastSentUs = 0;
    uint16_t sequenceNumber = 0;
    bool resent = false;
  };
  Entry& at(size_t index) { return entries_[(first_ + index) % entries_.size()]; }
  const Entry& at(size_t index) const { return entries_[(first_ + index) % entries_.size()]; }
  /** Where `size` bytes are free in one piece behind the newest packet; drops the oldest as needed. */
  size_t makeRoom(size_t size);
  void dropOldest();

  std::vector<Entry> entries_;
  std::vector<uint8_t> ring_;
  size_t first_ = 0;
  size_t count_ = 0;
};

}  // namespace troupe
