#include "RtcpParser.hpp"

#include "Bytes.hpp"
#include "TransportFeedback.hpp"

namespace troupe {

namespace {
constexpr size_t kHeaderBytes = 4;
constexpr size_t kReportBlockBytes = 24;
constexpr size_t kSenderInfoBytes = 20;
constexpr uint8_t kCnameItem = 1;
constexpr uint8_t kGenericNack = 1;
constexpr uint8_t kPictureLoss = 1;
constexpr uint8_t kFullIntraRequest = 4;

using Bytes = std::span<const uint8_t>;
enum class Outcome : uint8_t { told, skipped, malformed };

std::string_view text(Bytes bytes) {
  if (bytes.empty()) return {};
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

ReportBlock readReportBlock(const uint8_t* at) {
  ReportBlock block;
  block.ssrc = readU32(at);
  block.fractionLost = at[4];
  const uint32_t lost = readU24(at + 5);
  block.cumulativeLost = static_cast<int32_t>(lost) - ((lost & 0x800000) != 0 ? 0x1000000 : 0);
  block.extendedHighestSequenceNumber = readU32(at + 8);
  block.jitter = readU32(at + 12);
  block.lastSenderReport = readU32(at + 16);
  block.delaySinceLastSenderReport = readU32(at + 20);
  return block;
}

/** `body` begins with the sender's SSRC; what follows the blocks (profile extensions) is ignored. */
Outcome parseReport(bool isSender, uint8_t count, Bytes body, RtcpVisitor& visitor) {
  const size_t fixed = 4 + (isSender ? kSenderInfoBytes : 0);
  if (body.size() < fixed + count * kReportBlockBytes) return Outcome::malformed;
  const uint32_t ssrc = readU32(body.data());
  if (isSender) {
    SenderInfo info;
    info.ntpTime = (uint64_t{readU32(&body[4])} << 32) | readU32(&body[8]);
    info.rtpTimestamp = readU32(&body[12]);
    info.packetCount = readU32(&body[16]);
    info.octetCount = readU32(&body[20]);
    visitor.onSenderReport(ssrc, info);
  } else {
    visitor.onReceiverReport(ssrc);
  }
  for (size_t i = 0; i < count; ++i) {
    visitor.onReportBlock(ssrc, readReportBlock(body.data() + fixed + i * kReportBlockBytes));
  }
  return Outcome::told;
}

Outcome parseSourceDescription(uint8_t count, Bytes body, RtcpVisitor& visitor) {
  size_t at = 0;
  for (uint8_t chunk = 0; chunk < count; ++chunk) {
    if (body.size() - at < 4) return Outcome::malformed;
    const uint32_t ssrc = readU32(&body[at]);
    at += 4;
    while (true) {
      if (at >= body.size()) return Outcome::malformed;
      const uint8_t type = body[at++];
      if (type == 0) break;
      if (at >= body.size()) return Outcome::malformed;
      const size_t length = body[at++];
      if (body.size() - at < length) return Outcome::malformed;
      if (type == kCnameItem) visitor.onCname(ssrc, text(body.subspan(at, length)));
      at += length;
    }
    // Chunks begin at 32-bit boundaries; the body is a whole number of words, so this stays inside.
    at = (at + 3) & ~size_t{3};
  }
  return Outcome::told;
}

Outcome parseBye(uint8_t count, Bytes body, RtcpVisitor& visitor) {
  const size_t ssrcBytes = size_t{4} * count;
  if (body.size() < ssrcBytes) return Outcome::malformed;
  std::string_view reason;
  if (body.size() > ssrcBytes) {
    const size_t length = body[ssrcBytes];
    if (body.size() - ssrcBytes - 1 < length) return Outcome::malformed;
    reason = text(body.subspan(ssrcBytes + 1, length));
  }
  for (size_t i = 0; i < count; ++i) visitor.onBye(readU32(&body[4 * i]), reason);
  return Outcome::told;
}

Outcome parseTransportWideFeedback(Bytes body, RtcpVisitor& visitor) {
  const auto feedback = readTransportFeedback(body);
  if (!feedback) return Outcome::malformed;
  visitor.onTransportFeedback(readU32(&body[0]), *feedback);
  return Outcome::told;
}

Outcome parseTransportFeedback(uint8_t format, Bytes body, RtcpVisitor& visitor) {
  if (format == kTransportWideFeedback) return parseTransportWideFeedback(body, visitor);
  if (format != kGenericNack) return Outcome::skipped;
  if (body.size() < 8) return Outcome::malformed;
  const uint32_t sender = readU32(&body[0]);
  const uint32_t media = readU32(&body[4]);
  for (size_t at = 8; at + 4 <= body.size(); at += 4) {
    const uint16_t first = readU16(&body[at]);
    const uint16_t following = readU16(&body[at + 2]);
    visitor.onNack(sender, media, first);
    for (int bit = 0; bit < 16; ++bit) {
      if ((following >> bit) & 1) visitor.onNack(sender, media, static_cast<uint16_t>(first + bit + 1));
    }
  }
  return Outcome::told;
}

Outcome parsePayloadFeedback(uint8_t format, Bytes body, RtcpVisitor& visitor) {
  if (format != kPictureLoss && format != kFullIntraRequest) return Outcome::skipped;
  if (body.size() < 8) return Outcome::malformed;
  const uint32_t sender = readU32(&body[0]);
  if (format == kPictureLoss) {
    visitor.onPictureLoss(sender, readU32(&body[4]));
    return Outcome::told;
  }
  // RFC 5104 section 4.3.1: the media SSRC of a FIR stands in its entries, not in the header.
  for (size_t at = 8; at + 8 <= body.size(); at += 8) {
    visitor.onFullIntraRequest(sender, readU32(&body[at]), body[at + 4]);
  }
  return Outcome::told;
}

/** Padding is only in the last packet and a multiple of four (RFC 3550, section 6.4.1). */
bool isPaddingValid(uint8_t type, uint8_t format, size_t padding, size_t bodyBytes) {
  if (padding == 0 || padding > bodyBytes) return false;
  // libwebrtc pads feedback by 1 to 3 bytes, to the end of the word.
  return padding % 4 == 0 || (type == kRtcpTransportFeedback && format == kTransportWideFeedback);
}

Outcome parseOne(uint8_t type, uint8_t countOrFormat, Bytes body, RtcpVisitor& visitor) {
  switch (type) {
    case kRtcpSenderReport:
      return parseReport(true, countOrFormat, body, visitor);
    case kRtcpReceiverReport:
      return parseReport(false, countOrFormat, body, visitor);
    case kRtcpSourceDescription:
      return parseSourceDescription(countOrFormat, body, visitor);
    case kRtcpBye:
      return parseBye(countOrFormat, body, visitor);
    case kRtcpTransportFeedback:
      return parseTransportFeedback(countOrFormat, body, visitor);
    case kRtcpPayloadFeedback:
      return parsePayloadFeedback(countOrFormat, body, visitor);
    default:
      return Outcome::skipped;
  }
}
}  // namespace

RtcpParser::Result RtcpParser::parse(std::span<const uint8_t> data, RtcpVisitor& visitor) {
  Result result;
  while (!data.empty()) {
    if (data.size() < kHeaderBytes || data[0] >> 6 != 2) break;
    const size_t size = kHeaderBytes + size_t{4} * readU16(&data[2]);
    if (data.size() < size) break;
    Bytes body = data.subspan(kHeaderBytes, size - kHeaderBytes);
    if ((data[0] & 0x20) != 0) {
      const size_t padding = body.empty() ? 0 : body.back();
      if (!isPaddingValid(data[1], data[0] & 0x1f, padding, body.size())) break;
      body = body.first(body.size() - padding);
    }
    const Outcome outcome = parseOne(data[1], data[0] & 0x1f, body, visitor);
    if (outcome == Outcome::malformed) break;
    (outcome == Outcome::told ? result.packets : result.skipped) += 1;
    data = data.subspan(size);
  }
  result.malformed = data.empty() ? 0 : 1;
  return result;
}

}  // namespace troupe
