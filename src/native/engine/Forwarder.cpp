#include "Forwarder.hpp"

#include <cstring>

#include "Bytes.hpp"
#include "NtpTime.hpp"
#include "Retransmission.hpp"
#include "RtpPacketBuilder.hpp"
#include "SequenceUnwrapper.hpp"

namespace troupe {

Forwarder::Forwarder(const ForwarderOptions& options)
    : ssrc_(options.ssrc),
      mid_(options.mid),
      clockRate_(options.clockRate),
      extensionIds_(options.extensionIds),
      stamp_(options.stamp),
      history_(options.historyPackets, options.historyBytes),
      hasHistory_(options.historyPackets > 0),
      retransmissionSsrc_(options.retransmissionSsrc),
      retransmissionPayloadTypes_(options.retransmissionPayloadTypes),
      nextRetransmissionNumber_(options.firstRetransmissionNumber),
      highestSequenceNumber_(static_cast<uint16_t>(options.firstSequenceNumber - 1)),
      highestTimestamp_(options.firstTimestamp) {
  setPayloadTypes(options.payloadTypes);
}

std::span<const uint8_t> Forwarder::forward(const RtpPacket& packet, const HeaderExtensionIds& sourceIds,
                                            int64_t nowUs, VideoCodec codec) {
  const uint8_t payloadType = payloadTypes_[packet.payloadType()];
  if (payloadType == kNotForwarded) return drop(packet, Drop::unknownPayloadType);
  // Padding alone is the source's probing; it ends here.
  if (packet.payload().empty()) return drop(packet, Drop::empty);

  const std::optional<Place> place = placeOf(packet, nowUs);
  if (!place) {
    lastDrop_ = Drop::tooOld;
    return {};
  }
  const size_t size = write(packet, sourceIds, payloadType, *place, nowUs, codec);
  if (size == 0) {
    // Its number stays unused: the target sees a loss, which it is.
    lastDrop_ = Drop::tooLarge;
    return {};
  }

  lastDrop_ = Drop::none;
  lastPayloadType_ = payloadType;
  packetsSent_ += 1;
  bytesSent_ += packet.payload().size();
  headerBytesSent_ += size - packet.payload().size();
  const std::span<uint8_t> written{buffer_.data(), size};
  stamp_(written);
  if (hasHistory_) history_.store(place->sequenceNumber, written, nowUs);
  return written;
}

std::optional<Forwarder::Place> Forwarder::placeOf(const RtpPacket& packet, int64_t nowUs) {
  if (!continuesRun(packet)) startRun(packet, nowUs);
  const uint16_t source = packet.sequenceNumber();
  uint16_t offset = sequenceOffset_;
  if (isNewer(source, sourceHighest_)) {
    sourceHighest_ = source;
  } else if (isNewer(runStart_, source) && static_cast<uint16_t>(sourceHighest_ - source) < kMaximumGap) {
    // From before the run: its place is taken by what the source before sent.
    return std::nullopt;
  } else if (hasBoundary_ && isNewer(boundary_, source)) {
    offset = offsetBefore_;
  }

  const Place place{static_cast<uint16_t>(source + offset), packet.timestamp() + timestampOffset_};
  if (isNewer(place.sequenceNumber, highestSequenceNumber_)) {
    highestSequenceNumber_ = place.sequenceNumber;
    highestTimestamp_ = place.timestamp;
    highestSentUs_ = nowUs;
  }
  // Far from the start of the run its marks would come round again.
  if (static_cast<uint16_t>(sourceHighest_ - runStart_) > kForgetRunStart) {
    runStart_ = static_cast<uint16_t>(sourceHighest_ - kMaximumGap);
  }
  if (hasBoundary_ && static_cast<uint16_t>(sourceHighest_ - boundary_) > kMaximumGap) hasBoundary_ = false;
  return place;
}

bool Forwarder::continuesRun(const RtpPacket& packet) const {
  if (!started_ || packet.ssrc() != sourceSsrc_) return false;
  const int distance = static_cast<int16_t>(static_cast<uint16_t>(packet.sequenceNumber() - sourceHighest_));
  return distance <= kMaximumGap && distance >= -kMaximumGap;
}

void Forwarder::startRun(const RtpPacket& packet, int64_t nowUs) {
  uint32_t timestamp = highestTimestamp_;
  if (started_) {
    // The target's clock runs on over the change; at least one tick, so that two frames never share a timestamp.
    const int64_t elapsed = (nowUs - highestSentUs_) * clockRate_ / 1'000'000;
    timestamp += elapsed > 0 ? static_cast<uint32_t>(elapsed) : 1;
  }
  // A restart of the same stream goes on with its own numbers.
  if (started_ && packet.ssrc() != sourceSsrc_) pictures_.startRun();
  started_ = true;
  sourceSsrc_ = packet.ssrc();
  runStart_ = packet.sequenceNumber();
  sourceHighest_ = static_cast<uint16_t>(packet.sequenceNumber() - 1);
  sequenceOffset_ = static_cast<uint16_t>(highestSequenceNumber_ + 1 - packet.sequenceNumber());
  timestampOffset_ = timestamp - packet.timestamp();
  hasBoundary_ = false;
}

std::span<const uint8_t> Forwarder::drop(const RtpPacket& packet, Drop reason) {
  lastDrop_ = reason;
  // The target must not take what is left out on purpose for loss: later packets close the gap.
  const bool isNext = continuesRun(packet) &&
                      packet.sequenceNumber() == static_cast<uint16_t>(sourceHighest_ + 1);
  if (isNext) {
    sourceHighest_ = packet.sequenceNumber();
    offsetBefore_ = sequenceOffset_;
    boundary_ = packet.sequenceNumber();
    hasBoundary_ = true;
    sequenceOffset_ = static_cast<uint16_t>(sequenceOffset_ - 1);
  }
  return {};
}

size_t Forwarder::write(const RtpPacket& packet, const HeaderExtensionIds& sourceIds, uint8_t payloadType,
                        const Place& place, int64_t nowUs, VideoCodec codec) {
  // What is sent again gets longer.
  const size_t repairBytes = retransmissionSsrc_ == 0 ? 0 : kOriginalNumberBytes;
  RtpPacketBuilder builder(buffer_, {payloadType, packet.marker(), place.sequenceNumber, place.timestamp, ssrc_},
                           buffer_.size() - repairBytes);
  builder.addMid(extensionIds_, mid_);
  if (const auto level = packet.audioLevel(sourceIds)) builder.addAudioLevel(extensionIds_, *level);
  builder.addAbsoluteSendTime(extensionIds_, nowUs);
  builder.addTransportSequenceNumber(extensionIds_, 0);

  const std::span<uint8_t> room = builder.payload();
  const std::span<const uint8_t> payload = packet.payload();
  if (payload.size() > room.size()) return 0;
  std::memcpy(room.data(), payload.data(), payload.size());
  pictures_.rewrite(codec, room.first(payload.size()));
  return builder.finish(payload.size());
}

std::span<const uint8_t> Forwarder::retransmit(uint16_t sequenceNumber, int64_t nowUs, int64_t roundTripUs) {
  if (!hasHistory_) return {};
  auto packet = history_.take(sequenceNumber, nowUs, roundTripUs);
  if (retransmissionSsrc_ != 0 && !packet.empty()) packet = wrap(packet);
  if (packet.empty()) return {};
  packetsRetransmitted_ += 1;
  bytesRetransmitted_ += packet.size();
  return packet;
}

std::span<const uint8_t> Forwarder::wrap(std::span<const uint8_t> packet) {
  const uint8_t payloadType = packet[1] & 0x7f;
  for (const auto& [original, repair] : retransmissionPayloadTypes_) {
    if (original != payloadType) continue;
    const size_t size = writeRetransmission(packet, {retransmissionSsrc_, repair, nextRetransmissionNumber_++}, buffer_);
    stamp_({buffer_.data(), size});
    return {buffer_.data(), size};
  }
  return packet;
}

std::optional<uint16_t> Forwarder::sourceSequenceNumber(uint16_t sequenceNumber) const {
  if (!started_) return std::nullopt;
  if (hasBoundary_) {
    const uint16_t before = static_cast<uint16_t>(sequenceNumber - offsetBefore_);
    if (isNewer(boundary_, before)) return inRun(before);
  }
  return inRun(static_cast<uint16_t>(sequenceNumber - sequenceOffset_));
}

std::optional<uint16_t> Forwarder::inRun(uint16_t source) const {
  if (isNewer(runStart_, source) || isNewer(source, sourceHighest_)) return std::nullopt;
  return source;
}

std::optional<uint32_t> Forwarder::sourceSsrc() const {
  return started_ ? std::optional<uint32_t>{sourceSsrc_} : std::nullopt;
}

bool Forwarder::senderInfo(int64_t nowUs, int64_t unixUs, SenderInfo& info) const {
  if (packetsSent_ == 0) return false;
  info.ntpTime = ntpFromUnixUs(unixUs);
  info.rtpTimestamp = highestTimestamp_ + static_cast<uint32_t>((nowUs - highestSentUs_) * clockRate_ / 1'000'000);
  info.packetCount = static_cast<uint32_t>(packetsSent_);
  info.octetCount = static_cast<uint32_t>(bytesSent_);
  return true;
}

void Forwarder::setPayloadTypes(const std::vector<std::pair<uint8_t, uint8_t>>& payloadTypes) {
  payloadTypes_.fill(kNotForwarded);
  for (const auto& [source, target] : payloadTypes) {
    if (source < payloadTypes_.size() && target < payloadTypes_.size()) payloadTypes_[source] = target;
  }
}

}  // namespace troupe
