#include "SenderStream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "Audio.hpp"
#include "NtpTime.hpp"
#include "RandomNumber.hpp"
#include "RtpPacketBuilder.hpp"

namespace troupe {

namespace {

/** What a history holds when retransmission was not negotiated. */
constexpr size_t kNoHistory = 1;
constexpr size_t kHistoryPackets = 128;

}  // namespace

SenderStream::SenderStream(uint32_t handle, SenderOptions options, std::shared_ptr<PeerWire> wire)
    : handle_(handle),
      options_(std::move(options)),
      wire_(std::move(wire)),
      feedback_(options_.codec.clockRate),
      nextSequenceNumber_(static_cast<uint16_t>(randomNumber() & 0x7fff)),
      timestampOffset_(randomNumber()),
      history_(options_.nack ? kHistoryPackets : kNoHistory, options_.nack ? 32 * 1024 : kMaximumRtpPacketBytes) {
  stats_.sender = handle;
  stats_.ssrc = options_.ssrc;
  stats_.kind = options_.kind;
  stats_.mid = options_.mid;
  stats_.payloadType = options_.codec.payloadType;
}

void SenderStream::send(const EncodedPacket& packet, int64_t nowUs) {
  if (!wire_->isWritable()) {
    wire_->drops.add(DropReason::notWritable);
    return;
  }
  const HeaderExtensionIds ids = wire_->extensionIds();
  std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
  size_t size = 0;
  {
    std::lock_guard lock(mutex_);
    size = build(packet, buffer, nowUs, ids);
  }
  if (size == 0) {
    wire_->drops.add(DropReason::tooLarge);
    return;
  }
  wire_->sendRtp(std::span(buffer).first(size));
}

size_t SenderStream::build(const EncodedPacket& packet, std::span<uint8_t> buffer, int64_t nowUs,
                           const HeaderExtensionIds& ids) {
  const auto unitsPerTick = static_cast<int64_t>(options_.codec.clockRate) / kTicksPerSecond;
  RtpHeader header;
  header.payloadType = options_.codec.payloadType;
  header.marker = packet.beginsTalkspurt;
  header.sequenceNumber = nextSequenceNumber_;
  header.timestamp = timestampOffset_ + static_cast<uint32_t>(packet.startTick * unitsPerTick);
  header.ssrc = options_.ssrc;
  RtpPacketBuilder builder(buffer, header);
  if (ids.mid != 0) builder.addMid(ids, options_.mid);
  if (ids.audioLevel != 0) builder.addAudioLevel(ids, packet.level);
  if (ids.absoluteSendTime != 0) builder.addAbsoluteSendTime(ids, nowUs);
  const std::span<uint8_t> room = builder.payload();
  if (room.size() < packet.payload.size()) return 0;
  std::memcpy(room.data(), packet.payload.data(), packet.payload.size());
  const size_t size = builder.finish(packet.payload.size());
  if (size == 0) return 0;
  if (options_.nack) history_.store(header.sequenceNumber, buffer.first(size), nowUs);
  ++nextSequenceNumber_;
  started_ = true;
  lastTimestamp_ = header.timestamp;
  lastSentUs_ = nowUs;
  ++stats_.packetsSent;
  stats_.bytesSent += packet.payload.size();
  stats_.headerBytesSent += size - packet.payload.size();
  return size;
}

void SenderStream::onNack(uint16_t sequenceNumber, int64_t nowUs) {
  std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
  size_t size = 0;
  {
    std::lock_guard lock(mutex_);
    ++stats_.nackCount;
    if (!options_.nack) return;
    const auto packet = history_.take(sequenceNumber, nowUs, std::max<int64_t>(feedback_.roundTripUs(), 0));
    size = std::min(packet.size(), buffer.size());
    if (size == 0) return;
    std::memcpy(buffer.data(), packet.data(), size);
    ++stats_.retransmittedPacketsSent;
  }
  wire_->sendRtp(std::span(buffer).first(size));
}

void SenderStream::onPictureLoss() {
  std::lock_guard lock(mutex_);
  ++stats_.pliCount;
}

bool SenderStream::senderInfo(int64_t nowUs, int64_t unixUs, SenderInfo& info) const {
  std::lock_guard lock(mutex_);
  if (!started_) return false;
  info.ntpTime = ntpFromUnixUs(unixUs);
  info.rtpTimestamp =
      lastTimestamp_ + static_cast<uint32_t>((nowUs - lastSentUs_) * options_.codec.clockRate / 1'000'000);
  info.packetCount = static_cast<uint32_t>(stats_.packetsSent);
  info.octetCount = static_cast<uint32_t>(stats_.bytesSent);
  return true;
}

OutboundStats SenderStream::stats() const {
  OutboundStats stats;
  {
    std::lock_guard lock(mutex_);
    stats = stats_;
  }
  feedback_.fill(stats);
  return stats;
}

}  // namespace troupe
