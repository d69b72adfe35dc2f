#pragma once
// Writes one RTP packet into the caller's buffer: header, extensions, then the payload in place.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "RtpPacket.hpp"

namespace troupe {

struct RtpHeader {
  uint8_t payloadType = 0;
  bool marker = false;
  uint16_t sequenceNumber = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
};

/**
 * Order of calls: constructor, any add..., payload(), finish(). Nothing is written beyond the buffer or beyond
 * `maximumBytes`. The two-byte extension form is used only when an element needs it.
 */
class RtpPacketBuilder {
 public:
  RtpPacketBuilder(std::span<uint8_t> buffer, const RtpHeader& header, size_t maximumBytes = kMaximumRtpPacketBytes);

  /** False when it does not fit, the id is 0 (not negotiated) or the value has no valid length; nothing is added. */
  bool addExtension(uint8_t id, std::span<const uint8_t> value);
  bool addMid(const HeaderExtensionIds& ids, std::string_view mid);
  bool addAudioLevel(const HeaderExtensionIds& ids, RtpAudioLevel level);
  bool addAbsoluteSendTime(const HeaderExtensionIds& ids, int64_t nowUs);
  bool addTransportSequenceNumber(const HeaderExtensionIds& ids, uint16_t sequenceNumber);

  /** Ends the header; where the payload goes, as long as it may be. Empty when the header did not fit. */
  std::span<uint8_t> payload();
  /** The packet's size; 0 when the payload does not fit. */
  size_t finish(size_t payloadBytes);

 private:
  void writeExtensionHeader();
  /** From the one-byte form to the two-byte form. */
  void widen();

  std::span<uint8_t> buffer_;
  size_t size_ = 0;
  bool twoByte_ = false;
  bool hasExtensions_ = false;
  bool headerDone_ = false;
};

}  // namespace troupe
