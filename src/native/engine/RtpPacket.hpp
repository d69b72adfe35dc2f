#pragma once
// A view of one RTP packet (RFC 3550 section 5.1) with its header extensions (RFC 8285); owns nothing.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "HeaderExtensionIds.hpp"

namespace troupe {

/** Largest datagram of our own media: every path that WebRTC is used on takes it, in a tunnel and through a relay too. */
inline constexpr size_t kMaximumMediaDatagramBytes = 1200;
/** What SRTP adds at most: a tag of 16 bytes (RFC 7714), and for RTCP an index of 4. */
inline constexpr size_t kMaximumSrtpBytes = 20;
/** Largest packet of our own, RTP or RTCP, before SRTP. */
inline constexpr size_t kMaximumRtpPacketBytes = kMaximumMediaDatagramBytes - kMaximumSrtpBytes;
/** Largest frame of our own: leaves room for the RTP header, its extensions and a retransmission's number. */
inline constexpr size_t kMaximumOwnFrameBytes = kMaximumRtpPacketBytes - 64;
/** Largest that a forwarder makes: of 1200 bytes at its source it may have grown by extensions and a repair's number. */
inline constexpr size_t kMaximumForwardedPacketBytes = 1280;
inline constexpr size_t kRtpFixedHeaderBytes = 12;

enum class RtpParseError : uint8_t { none, truncated, badVersion, badExtension, badPadding };

/** RFC 6464: how loud the packet is, and whether its sender takes it for voice. */
struct RtpAudioLevel {
  /** -127 (silence) to 0 */
  int8_t dBov = -127;
  bool voice = false;
};

class RtpPacket {
 public:
  /** Elements beyond these are ignored (they stay in the bytes). */
  static constexpr size_t kMaximumExtensions = 16;

  struct Extension {
    uint8_t id = 0;
    std::span<const uint8_t> value;
  };

  /**
   * Fills `packet` with a view of `data`, which must outlive it. On any error `packet` must not be used.
   * RTCP (payload types 64 to 95 with the marker's bit) must have been told apart before (RFC 5761).
   */
  static RtpParseError parse(std::span<const uint8_t> data, RtpPacket& packet);

  /**
   * The packet that this retransmission repeats (RFC 4588, section 4), as a view of the same bytes; nothing when it
   * carries none. `ssrc` and `payloadType` are those of the stream that it belongs to.
   */
  std::optional<RtpPacket> retransmitted(uint32_t ssrc, uint8_t payloadType) const;

  bool marker() const { return marker_; }
  uint8_t payloadType() const { return payloadType_; }
  uint16_t sequenceNumber() const { return sequenceNumber_; }
  uint32_t timestamp() const { return timestamp_; }
  uint32_t ssrc() const { return ssrc_; }
  std::span<const uint8_t> csrcs() const { return csrcs_; }
  size_t csrcCount() const { return csrcs_.size() / 4; }

  /** Without padding. */
  std::span<const uint8_t> payload() const { return payload_; }
  size_t headerBytes() const { return headerBytes_; }
  size_t paddingBytes() const { return paddingBytes_; }
  std::span<const uint8_t> bytes() const { return bytes_; }

  std::span<const Extension> extensions() const { return {extensions_.data(), extensionCount_}; }
  /** Empty when there is none with this id (or the id is 0). */
  std::span<const uint8_t> extension(uint8_t id) const;
  std::string_view mid(const HeaderExtensionIds& ids) const;
  std::string_view rid(const HeaderExtensionIds& ids) const;
  /** Of the stream that this retransmission repairs. */
  std::string_view repairedRid(const HeaderExtensionIds& ids) const;
  std::optional<RtpAudioLevel> audioLevel(const HeaderExtensionIds& ids) const;
  std::optional<uint16_t> transportSequenceNumber(const HeaderExtensionIds& ids) const;
  /** 24 bits, 6.18 fixed-point seconds. */
  std::optional<uint32_t> absoluteSendTime(const HeaderExtensionIds& ids) const;

 private:
  RtpParseError parseExtensions(uint16_t profile, std::span<const uint8_t> data);
  void addExtension(uint8_t id, std::span<const uint8_t> value);
  std::string_view text(uint8_t id) const;

  std::span<const uint8_t> bytes_;
  std::span<const uint8_t> csrcs_;
  std::span<const uint8_t> payload_;
  std::array<Extension, kMaximumExtensions> extensions_;
  size_t extensionCount_ = 0;
  size_t headerBytes_ = 0;
  size_t paddingBytes_ = 0;
  uint32_t timestamp_ = 0;
  uint32_t ssrc_ = 0;
  uint16_t sequenceNumber_ = 0;
  uint8_t payloadType_ = 0;
  bool marker_ = false;
};

/** True when the datagram is RTCP and not RTP (RFC 5761 section 4). */
inline bool isRtcp(std::span<const uint8_t> data) {
  return data.size() >= 2 && data[1] >= 192 && data[1] <= 223;
}

}  // namespace troupe
