#include "RedundancyEncoder.hpp"

#include <algorithm>
#include <cstring>

#include "Bytes.hpp"

namespace troupe {

namespace {

constexpr size_t kRedundantHeaderBytes = 4;
constexpr size_t kPrimaryHeaderBytes = 1;
/** Fourteen bits: 341 ms at 48 kHz. */
constexpr uint32_t kMaximumTimestampOffset = 0x3fff;
constexpr uint8_t kAnotherBlockFollows = 0x80;

}  // namespace

RedundancyEncoder::RedundancyEncoder(uint8_t blockPayloadType, int distance)
    : blockPayloadType_(blockPayloadType), distance_(static_cast<size_t>(std::clamp(distance, 0, kMaximumDistance))) {}

size_t RedundancyEncoder::encode(uint32_t timestamp, std::span<const uint8_t> payload, std::span<uint8_t> out) {
  const size_t needed = kPrimaryHeaderBytes + payload.size();
  if (needed > out.size()) return 0;
  const size_t count = countFitting(timestamp, out.size() - needed);
  size_t header = 0;
  size_t body = count * kRedundantHeaderBytes + kPrimaryHeaderBytes;
  // Blocks stand in the order of their time: the oldest first, the primary one last.
  for (size_t age = count; age-- > 0;) {
    const Block& block = earlier(age);
    out[header] = static_cast<uint8_t>(kAnotherBlockFollows | blockPayloadType_);
    writeU24(&out[header + 1], (timestamp - block.timestamp) << 10 | static_cast<uint32_t>(block.size));
    header += kRedundantHeaderBytes;
    std::memcpy(&out[body], block.bytes.data(), block.size);
    body += block.size;
  }
  out[header] = blockPayloadType_;
  if (!payload.empty()) std::memcpy(&out[body], payload.data(), payload.size());
  remember(timestamp, payload);
  return body + payload.size();
}

size_t RedundancyEncoder::countFitting(uint32_t timestamp, size_t room) const {
  size_t used = 0;
  for (size_t age = 0; age < distance_; ++age) {
    const Block& block = earlier(age);
    used += kRedundantHeaderBytes + block.size;
    if (block.size == 0 || timestamp - block.timestamp > kMaximumTimestampOffset || used > room) return age;
  }
  return distance_;
}

void RedundancyEncoder::remember(uint32_t timestamp, std::span<const uint8_t> payload) {
  Block& block = blocks_[next_];
  next_ = (next_ + 1) % kMaximumDistance;
  block.timestamp = timestamp;
  block.size = payload.size() <= kMaximumBlockBytes ? payload.size() : 0;
  if (block.size > 0) std::memcpy(block.bytes.data(), payload.data(), block.size);
}

}  // namespace troupe
