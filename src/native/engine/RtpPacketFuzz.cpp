// Any bytes as RTP: parsing stays inside them, and what parses can be written again.

#include <cstdint>
#include <vector>

#include "FuzzInput.hpp"
#include "RtpPacket.hpp"
#include "RtpPacketBuilder.hpp"

using namespace troupe;
using test::require;

namespace {
bool isInside(std::span<const uint8_t> part, std::span<const uint8_t> whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of the exact size, so that the sanitizer sees a read one byte too far.
  const std::vector<uint8_t> bytes(data, data + size);
  RtpPacket packet;
  if (RtpPacket::parse(bytes, packet) != RtpParseError::none) return 0;
  require(isInside(packet.payload(), bytes));
  if (const auto original = packet.retransmitted(1, 2)) {
    require(isInside(original->payload(), bytes) && !original->payload().empty());
    require(original->headerBytes() + original->payload().size() + original->paddingBytes() == bytes.size());
  }
  require(packet.headerBytes() + packet.payload().size() + packet.paddingBytes() == bytes.size());

  std::vector<uint8_t> buffer(kMaximumRtpPacketBytes);
  RtpPacketBuilder builder(buffer, {packet.payloadType(), packet.marker(), packet.sequenceNumber(),
                                    packet.timestamp(), packet.ssrc()});
  size_t added = 0;
  for (const auto& extension : packet.extensions()) {
    require(isInside(extension.value, bytes));
    if (builder.addExtension(extension.id, extension.value)) added += 1;
  }
  const size_t written = builder.finish(0);
  require(written > 0);
  RtpPacket again;
  require(RtpPacket::parse(std::span<const uint8_t>(buffer).first(written), again) == RtpParseError::none);
  require(again.extensions().size() == added && again.ssrc() == packet.ssrc());

  HeaderExtensionIds ids{1, 2, 3, 4, 5};
  packet.mid(ids);
  packet.rid(ids);
  packet.audioLevel(ids);
  packet.absoluteSendTime(ids);
  packet.transportSequenceNumber(ids);
  return 0;
}
