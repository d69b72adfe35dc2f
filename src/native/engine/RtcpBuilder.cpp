#include "RtcpBuilder.hpp"

#include <algorithm>
#include <cstring>

#include "Bytes.hpp"
#include "RtpPacket.hpp"

namespace troupe {

namespace {
constexpr size_t kHeaderBytes = 4;
constexpr size_t kReportBlockBytes = 24;
constexpr size_t kSenderInfoBytes = 20;
constexpr size_t kMaximumBlocks = 31;
constexpr size_t kMaximumTextBytes = 255;
constexpr int32_t kMaximumCumulativeLost = 0x7fffff;

size_t aligned(size_t bytes) { return (bytes + 3) & ~size_t{3}; }
}  // namespace

RtcpBuilder::RtcpBuilder(std::span<uint8_t> buffer)
    : buffer_(buffer.first(std::min(buffer.size(), kMaximumRtpPacketBytes))) {}

uint8_t* RtcpBuilder::begin(uint8_t countOrFormat, uint8_t type, size_t bytes) {
  if (buffer_.size() - size_ < bytes) return nullptr;
  uint8_t* at = buffer_.data() + size_;
  std::memset(at, 0, bytes);
  at[0] = static_cast<uint8_t>(0x80 | countOrFormat);
  at[1] = type;
  writeU16(at + 2, static_cast<uint16_t>(bytes / 4 - 1));
  size_ += bytes;
  return at + kHeaderBytes;
}

bool RtcpBuilder::addSenderReport(uint32_t ssrc, const SenderInfo& info, std::span<const ReportBlock> blocks) {
  blocks = blocks.first(std::min(blocks.size(), kMaximumBlocks));
  const size_t bytes = kHeaderBytes + 4 + kSenderInfoBytes + blocks.size() * kReportBlockBytes;
  uint8_t* at = begin(static_cast<uint8_t>(blocks.size()), kRtcpSenderReport, bytes);
  if (at == nullptr) return false;
  writeU32(at, ssrc);
  writeU32(at + 4, static_cast<uint32_t>(info.ntpTime >> 32));
  writeU32(at + 8, static_cast<uint32_t>(info.ntpTime));
  writeU32(at + 12, info.rtpTimestamp);
  writeU32(at + 16, info.packetCount);
  writeU32(at + 20, info.octetCount);
  writeReportBlocks(at + 4 + kSenderInfoBytes, blocks);
  return true;
}

bool RtcpBuilder::addReceiverReport(uint32_t ssrc, std::span<const ReportBlock> blocks) {
  blocks = blocks.first(std::min(blocks.size(), kMaximumBlocks));
  const size_t bytes = kHeaderBytes + 4 + blocks.size() * kReportBlockBytes;
  uint8_t* at = begin(static_cast<uint8_t>(blocks.size()), kRtcpReceiverReport, bytes);
  if (at == nullptr) return false;
  writeU32(at, ssrc);
  writeReportBlocks(at + 4, blocks);
  return true;
}

void RtcpBuilder::writeReportBlocks(uint8_t* at, std::span<const ReportBlock> blocks) {
  for (const ReportBlock& block : blocks) {
    const int32_t lost = std::clamp(block.cumulativeLost, -kMaximumCumulativeLost - 1, kMaximumCumulativeLost);
    writeU32(at, block.ssrc);
    at[4] = block.fractionLost;
    writeU24(at + 5, static_cast<uint32_t>(lost) & 0xffffff);
    writeU32(at + 8, block.extendedHighestSequenceNumber);
    writeU32(at + 12, block.jitter);
    writeU32(at + 16, block.lastSenderReport);
    writeU32(at + 20, block.delaySinceLastSenderReport);
    at += kReportBlockBytes;
  }
}

bool RtcpBuilder::addCname(uint32_t ssrc, std::string_view cname) {
  cname = cname.substr(0, kMaximumTextBytes);
  // The item list ends with at least one zero byte (RFC 3550 section 6.5).
  uint8_t* at = begin(1, kRtcpSourceDescription, kHeaderBytes + aligned(4 + 2 + cname.size() + 1));
  if (at == nullptr) return false;
  writeU32(at, ssrc);
  at[4] = 1;
  at[5] = static_cast<uint8_t>(cname.size());
  std::copy(cname.begin(), cname.end(), at + 6);
  return true;
}

bool RtcpBuilder::addBye(uint32_t ssrc, std::string_view reason) {
  reason = reason.substr(0, kMaximumTextBytes);
  const size_t reasonBytes = reason.empty() ? 0 : aligned(1 + reason.size());
  uint8_t* at = begin(1, kRtcpBye, kHeaderBytes + 4 + reasonBytes);
  if (at == nullptr) return false;
  writeU32(at, ssrc);
  if (!reason.empty()) {
    at[4] = static_cast<uint8_t>(reason.size());
    std::copy(reason.begin(), reason.end(), at + 5);
  }
  return true;
}

bool RtcpBuilder::addNack(uint32_t senderSsrc, uint32_t mediaSsrc, std::span<const uint16_t> sequenceNumbers) {
  if (sequenceNumbers.empty()) return false;
  const auto startsEntry = [](uint16_t first, uint16_t number) {
    const uint16_t distance = static_cast<uint16_t>(number - first);
    return distance == 0 || distance > 16;
  };
  size_t entries = 1;
  uint16_t first = sequenceNumbers[0];
  for (const uint16_t number : sequenceNumbers.subspan(1)) {
    if (!startsEntry(first, number)) continue;
    entries += 1;
    first = number;
  }

  uint8_t* at = begin(1, kRtcpTransportFeedback, kHeaderBytes + 8 + 4 * entries);
  if (at == nullptr) return false;
  writeU32(at, senderSsrc);
  writeU32(at + 4, mediaSsrc);
  at += 8;
  first = sequenceNumbers[0];
  uint16_t following = 0;
  for (const uint16_t number : sequenceNumbers.subspan(1)) {
    if (!startsEntry(first, number)) {
      following = static_cast<uint16_t>(following | (1 << (static_cast<uint16_t>(number - first) - 1)));
      continue;
    }
    writeU16(at, first);
    writeU16(at + 2, following);
    at += 4;
    first = number;
    following = 0;
  }
  writeU16(at, first);
  writeU16(at + 2, following);
  return true;
}

bool RtcpBuilder::addTransportFeedback(uint32_t senderSsrc, TransportArrivals& arrivals) {
  constexpr size_t kBefore = kHeaderBytes + 8;
  if (buffer_.size() - size_ < kBefore) return false;
  uint32_t mediaSsrc = 0;
  const size_t bytes = arrivals.take(buffer_.subspan(size_ + kBefore), mediaSsrc);
  if (bytes == 0) return false;
  uint8_t* at = buffer_.data() + size_;
  at[0] = 0x80 | kTransportWideFeedback;
  at[1] = kRtcpTransportFeedback;
  writeU16(at + 2, static_cast<uint16_t>((kBefore + bytes) / 4 - 1));
  writeU32(at + 4, senderSsrc);
  writeU32(at + 8, mediaSsrc);
  size_ += kBefore + bytes;
  return true;
}

bool RtcpBuilder::addPictureLoss(uint32_t senderSsrc, uint32_t mediaSsrc) {
  uint8_t* at = begin(1, kRtcpPayloadFeedback, kHeaderBytes + 8);
  if (at == nullptr) return false;
  writeU32(at, senderSsrc);
  writeU32(at + 4, mediaSsrc);
  return true;
}

bool RtcpBuilder::addFullIntraRequest(uint32_t senderSsrc, uint32_t mediaSsrc, uint8_t command) {
  uint8_t* at = begin(4, kRtcpPayloadFeedback, kHeaderBytes + 16);
  if (at == nullptr) return false;
  writeU32(at, senderSsrc);
  writeU32(at + 8, mediaSsrc);
  at[12] = command;
  return true;
}

bool RtcpBuilder::addMaximumBitRate(uint32_t senderSsrc, uint64_t bitRate) {
  constexpr uint8_t kApplicationLayer = 15;
  constexpr uint64_t kMostMantissa = 0x3ffff;
  uint8_t* at = begin(kApplicationLayer, kRtcpPayloadFeedback, kHeaderBytes + 16);
  if (at == nullptr) return false;
  uint32_t exponent = 0;
  while (bitRate >> exponent > kMostMantissa) ++exponent;
  writeU32(at, senderSsrc);
  std::memcpy(at + 8, "REMB", 4);
  writeU32(at + 12, exponent << 18 | static_cast<uint32_t>(bitRate >> exponent));
  return true;
}

}  // namespace troupe
