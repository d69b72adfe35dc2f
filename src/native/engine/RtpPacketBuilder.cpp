#include "RtpPacketBuilder.hpp"

#include <algorithm>
#include <cstring>

#include "Bytes.hpp"

namespace troupe {

namespace {
constexpr size_t kExtensionStart = kRtpFixedHeaderBytes + 4;
constexpr size_t kOneByteMaximumLength = 16;
constexpr uint8_t kOneByteMaximumId = 14;

size_t aligned(size_t bytes) { return (bytes + 3) & ~size_t{3}; }
}  // namespace

RtpPacketBuilder::RtpPacketBuilder(std::span<uint8_t> buffer, const RtpHeader& header, size_t maximumBytes)
    : buffer_(buffer.first(std::min(buffer.size(), maximumBytes))) {
  if (buffer_.size() < kRtpFixedHeaderBytes) {
    buffer_ = {};
    return;
  }
  buffer_[0] = 0x80;
  buffer_[1] = static_cast<uint8_t>((header.marker ? 0x80 : 0) | (header.payloadType & 0x7f));
  writeU16(&buffer_[2], header.sequenceNumber);
  writeU32(&buffer_[4], header.timestamp);
  writeU32(&buffer_[8], header.ssrc);
  size_ = kRtpFixedHeaderBytes;
}

bool RtpPacketBuilder::addExtension(uint8_t id, std::span<const uint8_t> value) {
  if (id == 0 || value.size() > 255 || headerDone_ || buffer_.empty()) return false;
  const bool needsTwoByte = id > kOneByteMaximumId || value.empty() || value.size() > kOneByteMaximumLength;
  const size_t start = hasExtensions_ ? size_ : kExtensionStart;
  // Widening adds a byte to each element before this one; two a byte is the most that they can be.
  const size_t widening = needsTwoByte && !twoByte_ && hasExtensions_ ? (start - kExtensionStart) / 2 : 0;
  const size_t elementHeader = twoByte_ || needsTwoByte ? 2 : 1;
  if (aligned(start + widening + elementHeader + value.size()) > buffer_.size()) return false;

  if (!hasExtensions_) {
    hasExtensions_ = true;
    buffer_[0] |= 0x10;
    size_ = kExtensionStart;
  }
  if (needsTwoByte && !twoByte_) widen();
  if (twoByte_) {
    buffer_[size_++] = id;
    buffer_[size_++] = static_cast<uint8_t>(value.size());
  } else {
    buffer_[size_++] = static_cast<uint8_t>((id << 4) | (value.size() - 1));
  }
  if (!value.empty()) std::memcpy(&buffer_[size_], value.data(), value.size());
  size_ += value.size();
  return true;
}

void RtpPacketBuilder::widen() {
  twoByte_ = true;
  for (size_t at = kExtensionStart; at < size_;) {
    const uint8_t id = buffer_[at] >> 4;
    const size_t length = size_t{1} + (buffer_[at] & 0x0f);
    std::memmove(&buffer_[at + 2], &buffer_[at + 1], size_ - at - 1);
    buffer_[at] = id;
    buffer_[at + 1] = static_cast<uint8_t>(length);
    size_ += 1;
    at += 2 + length;
  }
}

bool RtpPacketBuilder::addMid(const HeaderExtensionIds& ids, std::string_view mid) {
  if (mid.empty()) return false;
  return addExtension(ids.mid, {reinterpret_cast<const uint8_t*>(mid.data()), mid.size()});
}

bool RtpPacketBuilder::addAudioLevel(const HeaderExtensionIds& ids, RtpAudioLevel level) {
  const int loudness = std::clamp(-int{level.dBov}, 0, 127);
  const uint8_t value = static_cast<uint8_t>((level.voice ? 0x80 : 0) | loudness);
  return addExtension(ids.audioLevel, {&value, 1});
}

bool RtpPacketBuilder::addAbsoluteSendTime(const HeaderExtensionIds& ids, int64_t nowUs) {
  // 6.18 fixed point seconds: the modulo is taken first so that the shift cannot overflow.
  const uint64_t wrapped = static_cast<uint64_t>(nowUs) % 64'000'000;
  uint8_t value[3];
  writeU24(value, static_cast<uint32_t>((wrapped << 18) / 1'000'000) & 0xffffff);
  return addExtension(ids.absoluteSendTime, value);
}

bool RtpPacketBuilder::addTransportSequenceNumber(const HeaderExtensionIds& ids, uint16_t sequenceNumber) {
  uint8_t value[2];
  writeU16(value, sequenceNumber);
  return addExtension(ids.transportSequenceNumber, value);
}

std::span<uint8_t> RtpPacketBuilder::payload() {
  if (!headerDone_) writeExtensionHeader();
  return buffer_.subspan(size_);
}

void RtpPacketBuilder::writeExtensionHeader() {
  headerDone_ = true;
  if (!hasExtensions_) return;
  while (size_ % 4 != 0) buffer_[size_++] = 0;
  writeU16(&buffer_[kRtpFixedHeaderBytes], twoByte_ ? 0x1000 : 0xbede);
  writeU16(&buffer_[kRtpFixedHeaderBytes + 2], static_cast<uint16_t>((size_ - kExtensionStart) / 4));
}

size_t RtpPacketBuilder::finish(size_t payloadBytes) {
  if (buffer_.empty() || payloadBytes > payload().size()) return 0;
  return size_ + payloadBytes;
}

}  // namespace troupe
