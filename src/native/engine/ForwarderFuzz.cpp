// A series of packets through a forwarder: what comes out is valid RTP of the one stream, and can be asked for again.

#include <cstdint>
#include <vector>

#include "Forwarder.hpp"
#include "FuzzInput.hpp"
#include "LayerSelector.hpp"

using namespace troupe;
using test::FuzzInput;
using test::require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput input(data, size);
  ForwarderOptions options;
  options.ssrc = 0xabcdef01;
  options.mid = "0";
  options.payloadTypes = {{111, 96}, {0, 0}, {8, 8}};
  const uint8_t shape = input.byte();
  options.extensionIds = {uint8_t(shape & 0x1f), 0, uint8_t(shape >> 5), uint8_t(shape >> 6), 0};
  const auto codec = static_cast<VideoCodec>(input.byte() % 6);
  options.retransmissionSsrc = (shape & 1) != 0 ? 0xabcdef02 : 0;
  options.retransmissionPayloadTypes = {{96, 97}};
  options.historyPackets = input.byte() % 20;
  options.historyBytes = input.number16() % 3'000;
  Forwarder forwarder(options);
  LayerSelector layers;
  layers.request("r1");
  const HeaderExtensionIds sourceIds{1, 2, 3, 4, 5};
  int64_t nowUs = 0;
  while (!input.isEmpty()) {
    nowUs += input.byte() * 1'000;
    const auto raw = input.bytes(12 + input.byte());
    std::vector<uint8_t> bytes(raw.begin(), raw.end());
    // Mostly one stream that gets through; the first byte's last bit leaves the packet as it is.
    if (bytes.size() >= 12 && (bytes[0] & 1) == 0) {
      bytes[1] = 111;
      bytes[8] = bytes[9] = bytes[10] = 0;
      bytes[11] &= 1;
    }
    RtpPacket packet;
    if (RtpPacket::parse(bytes, packet) != RtpParseError::none) continue;
    const bool isKeyFrame = startsKeyFrame(codec, packet.payload());
    const auto verdict = layers.onPacket(packet.rid(sourceIds), isKeyFrame, nowUs);
    require(verdict != LayerSelector::Verdict::needsKeyFrame || !isKeyFrame);
    require(verdict != LayerSelector::Verdict::forward || layers.current() == packet.rid(sourceIds));
    const auto out = forwarder.forward(packet, sourceIds, nowUs, codec);
    require(out.empty() == (forwarder.lastDrop() != Forwarder::Drop::none));
    if (out.empty()) continue;
    require(out.size() <= kMaximumForwardedPacketBytes);
    RtpPacket forwarded;
    require(RtpPacket::parse(out, forwarded) == RtpParseError::none);
    require(forwarded.ssrc() == options.ssrc);
    require(forwarded.payload().size() == packet.payload().size());
    const auto again = forwarder.retransmit(forwarded.sequenceNumber(), nowUs, 0);
    RtpPacket repeated;
    if (!again.empty()) {
      require(RtpPacket::parse(again, repeated) == RtpParseError::none);
      if (repeated.ssrc() == options.retransmissionSsrc && options.retransmissionSsrc != 0) {
        const auto original = repeated.retransmitted(options.ssrc, 96);
        require(original.has_value());
        repeated = *original;
      }
      require(repeated.sequenceNumber() == forwarded.sequenceNumber() && repeated.ssrc() == options.ssrc);
    }
    forwarder.sourceSequenceNumber(forwarded.sequenceNumber());
    SenderInfo info;
    require(forwarder.senderInfo(nowUs, nowUs, info));
  }
  return 0;
}
