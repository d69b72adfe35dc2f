#include "Dcep.hpp"

#include <algorithm>

namespace troupe::transport {

namespace {

constexpr uint8_t kOpen = 0x03;
constexpr uint8_t kAck = 0x02;
constexpr uint8_t kReliable = 0x00;
constexpr uint8_t kLimitedRetransmits = 0x01;
constexpr uint8_t kLimitedLifeTime = 0x02;
constexpr uint8_t kUnordered = 0x80;
constexpr size_t kOpenHeaderBytes = 12;
// RFC 8831, section 6.4: "normal".
constexpr uint16_t kPriority = 256;
constexpr uint32_t kLargestLimit = 65535;

uint16_t read16(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

void write16(std::vector<uint8_t>& bytes, size_t value) {
  bytes.push_back(static_cast<uint8_t>(value >> 8));
  bytes.push_back(static_cast<uint8_t>(value));
}

}  // namespace

std::vector<uint8_t> writeDcepOpen(const DcepOpen& open) {
  uint8_t type = kReliable;
  uint32_t limit = 0;
  if (open.options.maxRetransmits >= 0) {
    type = kLimitedRetransmits;
    limit = static_cast<uint32_t>(open.options.maxRetransmits);
  } else if (open.options.maxPacketLifeTimeMs >= 0) {
    type = kLimitedLifeTime;
    limit = static_cast<uint32_t>(open.options.maxPacketLifeTimeMs);
  }
  if (!open.options.ordered) type |= kUnordered;
  std::vector<uint8_t> message = {kOpen, type};
  write16(message, kPriority);
  write16(message, limit >> 16);
  write16(message, limit & 0xffff);
  write16(message, open.label.size());
  write16(message, open.options.protocol.size());
  message.insert(message.end(), open.label.begin(), open.label.end());
  message.insert(message.end(), open.options.protocol.begin(), open.options.protocol.end());
  return message;
}

std::vector<uint8_t> writeDcepAck() { return {kAck}; }

// One byte long (RFC 8832, section 5.2), but Pion sends four.
bool isDcepAck(std::span<const uint8_t> message) { return !message.empty() && message[0] == kAck; }

std::optional<DcepOpen> readDcepOpen(std::span<const uint8_t> message) {
  if (message.size() < kOpenHeaderBytes || message[0] != kOpen) return std::nullopt;
  const size_t labelBytes = read16(message, 8);
  const size_t protocolBytes = read16(message, 10);
  if (message.size() < kOpenHeaderBytes + labelBytes + protocolBytes) return std::nullopt;
  DcepOpen open;
  open.options.ordered = (message[1] & kUnordered) == 0;
  const uint32_t limit = static_cast<uint32_t>(read16(message, 4)) << 16 | read16(message, 6);
  const int bounded = static_cast<int>(std::min(limit, kLargestLimit));
  const uint8_t type = message[1] & static_cast<uint8_t>(~kUnordered);
  if (type == kLimitedRetransmits) open.options.maxRetransmits = bounded;
  if (type == kLimitedLifeTime) open.options.maxPacketLifeTimeMs = bounded;
  const auto* text = reinterpret_cast<const char*>(message.data()) + kOpenHeaderBytes;
  open.label.assign(text, labelBytes);
  open.options.protocol.assign(text + labelBytes, protocolBytes);
  return open;
}

}  // namespace troupe::transport
