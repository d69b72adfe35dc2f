#pragma once
// Takes the payload of a redundant-audio packet apart (RFC 2198).

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe {

struct RedBlock {
  uint8_t payloadType = 0;
  /** How much earlier than the packet's timestamp the block belongs; 0 for the primary one. */
  uint32_t timestampOffset = 0;
  std::span<const uint8_t> data;
};

/** A view of one payload; owns nothing. */
class RedPayload {
 public:
  /** What senders use is 2 or 3; more are ignored, the oldest first. */
  static constexpr size_t kMaximumCopies = 8;

  /** False when the payload is broken; `red` must not be used then. `payload` must outlive it. */
  static bool parse(std::span<const uint8_t> payload, RedPayload& red);

  /** What the packet is about. May be empty. */
  const RedBlock& primary() const { return primary_; }
  /** Copies of earlier frames, the newest last; none is empty. */
  std::span<const RedBlock> copies() const { return {copies_.data(), count_}; }

 private:
  RedBlock primary_;
  std::array<RedBlock, kMaximumCopies> copies_;
  size_t count_ = 0;
};

}  // namespace troupe
