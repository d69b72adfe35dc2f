#include "SenderStream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "Audio.hpp"
#include "NtpTime.hpp"
#include "RandomNumber.hpp"
#include "Retransmission.hpp"
#include "RtpPacketBuilder.hpp"

namespace troupe {

namespace {

/** What a history holds when retransmission was not negotiated. */
constexpr size_t kNoHistory = 1;
constexpr size_t kHistoryPackets = 128;
constexpr size_t kHistoryBytes = 32 * 1024;

}  // namespace

SenderStream::SenderStream(uint32_t handle, SenderOptions options, std::shared_ptr<PeerWire> wire,
                           std::optional<StreamPosition> goesOnFrom)
    : handle_(handle),
      options_(std::move(options)),
      wire_(std::move(wire)),
      feedback_(options_.codec.clockRate),
      nextSequenceNumber_(static_cast<uint16_t>(randomNumber() & 0x7fff)),
      nextRetransmissionNumber_(static_cast<uint16_t>(randomNumber() & 0x7fff)),
      timestampOffset_(randomNumber()),
      history_(options_.nack ? kHistoryPackets : kNoHistory, options_.nack ? kHistoryBytes : kMaximumRtpPacketBytes) {
  if (options_.redundancy) redundancy_.emplace(options_.codec.payloadType, options_.redundancy->distance);
  if (goesOnFrom) goOnFrom(*goesOnFrom);
  stats_.sender = handle;
  stats_.ssrc = options_.ssrc;
  stats_.kind = options_.kind;
  stats_.mid = options_.mid;
  stats_.payloadType = options_.redundancy ? options_.redundancy->payloadType : options_.codec.payloadType;
}

void SenderStream::goOnFrom(const StreamPosition& position) {
  nextSequenceNumber_ = position.nextSequenceNumber;
  nextRetransmissionNumber_ = position.nextRetransmissionNumber;
  timestampOffset_ = position.timestampOffset;
  // Another clock rate counts on from the last timestamp, so that time never runs backwards.
  if (position.clockRate != options_.codec.clockRate)
    timestampOffset_ = position.lastTimestamp - static_cast<uint32_t>(position.lastStartTick * unitsPerTick());
  started_ = true;
  lastTimestamp_ = position.lastTimestamp;
  lastStartTick_ = position.lastStartTick;
  lastStartUs_ = position.lastStartUs;
  stats_ = position.stats;
}

std::optional<StreamPosition> SenderStream::retire() {
  std::lock_guard lock(mutex_);
  retired_ = true;
  if (!started_) return std::nullopt;
  return StreamPosition{nextSequenceNumber_, nextRetransmissionNumber_, options_.codec.clockRate, timestampOffset_,
                        lastTimestamp_,      lastStartTick_,            lastStartUs_,             stats_};
}

void SenderStream::takeHistory(SenderStream& retired) {
  if (!options_.nack || !retired.options_.nack || options_.ssrc != retired.options_.ssrc) return;
  std::scoped_lock lock(mutex_, retired.mutex_);
  history_ = std::exchange(retired.history_, PacketHistory(kNoHistory, 0));
}

void SenderStream::send(const EncodedPacket& packet, const Tick& tick) {
  if (!wire_->isWritable()) {
    countUnsent();
    return;
  }
  const FrameInfo info = infoOf(packet, tick);
  TransformedFrame room;
  const auto frame = transformed(info, packet.payload, room);
  if (!frame.empty()) sendFrame(info, frame);
}

bool SenderStream::resume(const FrameInfo& info, std::span<const uint8_t> frame) {
  {
    std::lock_guard lock(mutex_);
    // One of the codec before would be taken for one of this.
    if (retired_ || info.payloadType != options_.codec.payloadType) return false;
    if (started_ && static_cast<int32_t>(info.timestamp - lastTimestamp_) <= 0) return false;
  }
  if (wire_->isWritable()) sendFrame(info, frame);
  else countUnsent();
  return true;
}

void SenderStream::sendFrame(const FrameInfo& info, std::span<const uint8_t> frame) {
  const HeaderExtensionIds ids = wire_->extensionIds();
  std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
  size_t size = 0;
  {
    std::lock_guard lock(mutex_);
    if (retired_) return;
    size = build(info, frame, buffer, ids);
  }
  if (size == 0) {
    wire_->drops.add(DropReason::tooLarge);
    return;
  }
  wire_->sendRtp(std::span(buffer).first(size));
}

std::shared_ptr<FrameTransform> SenderStream::setTransform(std::shared_ptr<FrameTransform> transform) {
  std::lock_guard lock(mutex_);
  return std::exchange(transform_, std::move(transform));
}

std::shared_ptr<FrameTransform> SenderStream::transform() const {
  std::lock_guard lock(mutex_);
  return transform_;
}

std::span<const uint8_t> SenderStream::transformed(const FrameInfo& info, std::span<const uint8_t> frame,
                                                   std::span<uint8_t> out) {
  const auto transform = this->transform();
  if (!transform) return frame;
  const auto outcome = transform->transform(info, frame, out);
  if (outcome.empty() && !transform->holds()) wire_->drops.add(DropReason::heldByTransform);
  return outcome;
}

FrameInfo SenderStream::infoOf(const EncodedPacket& packet, const Tick& tick) const {
  FrameInfo info;
  info.ssrc = options_.ssrc;
  info.timestamp = timestampOffset_ + static_cast<uint32_t>(packet.startTick * unitsPerTick());
  info.payloadType = static_cast<uint8_t>(options_.codec.payloadType);
  info.timeUs = tick.timeUs;
  info.startTick = packet.startTick;
  info.startUs = tick.timeUs - (tick.number - packet.startTick) * kTickUs;
  info.beginsTalkspurt = packet.beginsTalkspurt;
  info.level = packet.level;
  return info;
}

int64_t SenderStream::unitsPerTick() const {
  return static_cast<int64_t>(options_.codec.clockRate) / kTicksPerSecond;
}

size_t SenderStream::build(const FrameInfo& info, std::span<const uint8_t> frame, std::span<uint8_t> buffer,
                           const HeaderExtensionIds& ids) {
  RtpHeader header;
  header.payloadType = static_cast<uint8_t>(stats_.payloadType);
  header.marker = info.beginsTalkspurt;
  header.sequenceNumber = nextSequenceNumber_;
  header.timestamp = info.timestamp;
  header.ssrc = options_.ssrc;
  // What is sent again gets two bytes longer.
  RtpPacketBuilder builder(buffer.first(buffer.size() - (options_.retransmission ? kOriginalNumberBytes : 0)), header);
  if (ids.mid != 0) builder.addMid(ids, options_.mid);
  if (ids.audioLevel != 0) builder.addAudioLevel(ids, info.level);
  if (ids.absoluteSendTime != 0) builder.addAbsoluteSendTime(ids, info.timeUs);
  if (ids.transportSequenceNumber != 0) builder.addTransportSequenceNumber(ids, 0);
  const size_t payloadBytes = writePayload(frame, header.timestamp, builder.payload());
  const size_t size = payloadBytes == 0 ? 0 : builder.finish(payloadBytes);
  if (size == 0) return 0;
  wire_->stamp(buffer.first(size));
  if (options_.nack) history_.store(header.sequenceNumber, buffer.first(size), info.timeUs);
  ++nextSequenceNumber_;
  started_ = true;
  lastTimestamp_ = header.timestamp;
  lastStartTick_ = info.startTick;
  lastStartUs_ = info.startUs;
  stats_.lastPacketSentUs = info.timeUs;
  ++stats_.packetsSent;
  stats_.bytesSent += payloadBytes;
  stats_.headerBytesSent += size - payloadBytes;
  return size;
}

size_t SenderStream::writePayload(std::span<const uint8_t> payload, uint32_t timestamp, std::span<uint8_t> room) {
  if (redundancy_) return redundancy_->encode(timestamp, payload, room);
  if (room.size() < payload.size()) return 0;
  std::memcpy(room.data(), payload.data(), payload.size());
  return payload.size();
}

void SenderStream::onNack(uint16_t sequenceNumber, int64_t nowUs) {
  std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
  size_t size = 0;
  {
    std::lock_guard lock(mutex_);
    ++stats_.nackCount;
    if (!options_.nack || retired_) return;
    const auto packet = history_.take(sequenceNumber, nowUs, std::max<int64_t>(feedback_.roundTripUs(), 0));
    size = repeat(packet, buffer);
    if (size == 0) return;
    ++stats_.retransmittedPacketsSent;
    stats_.retransmittedBytesSent += size;
  }
  wire_->sendRtp(std::span(buffer).first(size));
}

size_t SenderStream::repeat(std::span<const uint8_t> packet, std::span<uint8_t> buffer) {
  if (packet.empty()) return 0;
  // The payload type of RTX says which one it repairs (RFC 4588, section 8.6): not that of a codec before this one.
  const bool isOfThisCodec = (packet[1] & 0x7f) == stats_.payloadType;
  if (!options_.retransmission || !isOfThisCodec) {
    const size_t size = std::min(packet.size(), buffer.size());
    std::memcpy(buffer.data(), packet.data(), size);
    return size;
  }
  const auto& repair = *options_.retransmission;
  const size_t size = writeRetransmission(packet, {repair.ssrc, repair.payloadType, nextRetransmissionNumber_}, buffer);
  if (size == 0) return 0;
  ++nextRetransmissionNumber_;
  wire_->stamp(buffer.first(size));
  return size;
}

void SenderStream::onPictureLoss() {
  std::lock_guard lock(mutex_);
  ++stats_.pliCount;
}

bool SenderStream::senderInfo(int64_t nowUs, int64_t unixUs, SenderInfo& info) const {
  std::lock_guard lock(mutex_);
  if (!started_) return false;
  // The sample that is due now: every stream of ours then says the same of one moment, whatever its packets' length.
  info.ntpTime = ntpFromUnixUs(unixUs);
  info.rtpTimestamp =
      lastTimestamp_ + static_cast<uint32_t>((nowUs - lastStartUs_) * options_.codec.clockRate / 1'000'000);
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
