#include "RtpPacket.hpp"

#include "Bytes.hpp"

namespace troupe {

namespace {
constexpr uint8_t kVersion = 2;
constexpr uint16_t kOneByteProfile = 0xbede;
/** The lower four bits are for applications (RFC 8285 section 4.3). */
constexpr uint16_t kTwoByteProfile = 0x1000;
constexpr uint16_t kTwoByteProfileMask = 0xfff0;
/** In the one-byte form this id ends the elements. */
constexpr uint8_t kOneByteStop = 15;
}  // namespace

RtpParseError RtpPacket::parse(std::span<const uint8_t> data, RtpPacket& packet) {
  if (data.size() < kRtpFixedHeaderBytes) return RtpParseError::truncated;
  if (data[0] >> 6 != kVersion) return RtpParseError::badVersion;
  const bool hasPadding = (data[0] & 0x20) != 0;
  const bool hasExtensions = (data[0] & 0x10) != 0;
  const size_t csrcBytes = size_t{4} * (data[0] & 0x0f);

  packet.bytes_ = data;
  packet.marker_ = (data[1] & 0x80) != 0;
  packet.payloadType_ = data[1] & 0x7f;
  packet.sequenceNumber_ = readU16(&data[2]);
  packet.timestamp_ = readU32(&data[4]);
  packet.ssrc_ = readU32(&data[8]);
  packet.extensionCount_ = 0;
  packet.paddingBytes_ = 0;

  size_t header = kRtpFixedHeaderBytes + csrcBytes;
  if (data.size() < header) return RtpParseError::truncated;
  packet.csrcs_ = data.subspan(kRtpFixedHeaderBytes, csrcBytes);

  if (hasExtensions) {
    if (data.size() < header + 4) return RtpParseError::truncated;
    const uint16_t profile = readU16(&data[header]);
    const size_t bytes = size_t{4} * readU16(&data[header + 2]);
    header += 4;
    if (data.size() - header < bytes) return RtpParseError::truncated;
    const RtpParseError error = packet.parseExtensions(profile, data.subspan(header, bytes));
    if (error != RtpParseError::none) return error;
    header += bytes;
  }

  packet.headerBytes_ = header;
  if (hasPadding) {
    const size_t padding = data.size() > header ? data.back() : 0;
    if (padding == 0 || padding > data.size() - header) return RtpParseError::badPadding;
    packet.paddingBytes_ = padding;
  }
  packet.payload_ = data.subspan(header, data.size() - header - packet.paddingBytes_);
  return RtpParseError::none;
}

RtpParseError RtpPacket::parseExtensions(uint16_t profile, std::span<const uint8_t> data) {
  const bool oneByte = profile == kOneByteProfile;
  // Other profiles are allowed (RFC 3550 section 5.3.1); we know nothing of what is in them.
  if (!oneByte && (profile & kTwoByteProfileMask) != kTwoByteProfile) return RtpParseError::none;

  const size_t elementHeader = oneByte ? 1 : 2;
  size_t at = 0;
  while (at < data.size()) {
    if (data[at] == 0) {
      // One byte of padding. Id 0 with a length is invalid in the one-byte form and falls out below.
      at += 1;
      continue;
    }
    const uint8_t id = oneByte ? data[at] >> 4 : data[at];
    if (oneByte && id == kOneByteStop) break;
    if (data.size() - at < elementHeader) return RtpParseError::badExtension;
    const size_t length = oneByte ? size_t{1} + (data[at] & 0x0f) : data[at + 1];
    if (id == 0 || data.size() - at - elementHeader < length) return RtpParseError::badExtension;
    addExtension(id, data.subspan(at + elementHeader, length));
    at += elementHeader + length;
  }
  return RtpParseError::none;
}

void RtpPacket::addExtension(uint8_t id, std::span<const uint8_t> value) {
  if (extensionCount_ == kMaximumExtensions) return;
  extensions_[extensionCount_++] = {id, value};
}

std::optional<RtpPacket> RtpPacket::retransmitted(uint32_t ssrc, uint8_t payloadType) const {
  constexpr size_t kOriginalSequenceNumberBytes = 2;
  // With nothing behind the number it is padding of a sender that probes for bandwidth.
  if (payload_.size() <= kOriginalSequenceNumberBytes) return std::nullopt;
  RtpPacket packet = *this;
  packet.sequenceNumber_ = readU16(payload_.data());
  packet.payload_ = payload_.subspan(kOriginalSequenceNumberBytes);
  packet.headerBytes_ += kOriginalSequenceNumberBytes;
  packet.ssrc_ = ssrc;
  packet.payloadType_ = payloadType;
  return packet;
}

std::span<const uint8_t> RtpPacket::extension(uint8_t id) const {
  if (id == 0) return {};
  for (const Extension& extension : extensions()) {
    if (extension.id == id) return extension.value;
  }
  return {};
}

std::string_view RtpPacket::text(uint8_t id) const {
  const auto value = extension(id);
  if (value.empty()) return {};
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}

std::string_view RtpPacket::mid(const HeaderExtensionIds& ids) const { return text(ids.mid); }

std::string_view RtpPacket::rid(const HeaderExtensionIds& ids) const { return text(ids.rid); }

std::string_view RtpPacket::repairedRid(const HeaderExtensionIds& ids) const { return text(ids.repairedRid); }

std::optional<RtpAudioLevel> RtpPacket::audioLevel(const HeaderExtensionIds& ids) const {
  const auto value = extension(ids.audioLevel);
  if (value.empty()) return std::nullopt;
  return RtpAudioLevel{static_cast<int8_t>(-(value[0] & 0x7f)), (value[0] & 0x80) != 0};
}

std::optional<uint16_t> RtpPacket::transportSequenceNumber(const HeaderExtensionIds& ids) const {
  const auto value = extension(ids.transportSequenceNumber);
  if (value.size() < 2) return std::nullopt;
  return readU16(value.data());
}

std::optional<uint32_t> RtpPacket::absoluteSendTime(const HeaderExtensionIds& ids) const {
  const auto value = extension(ids.absoluteSendTime);
  if (value.size() != 3) return std::nullopt;
  return readU24(value.data());
}

}  // namespace troupe
