#include "ForwardedStream.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "RandomNumber.hpp"

namespace troupe {

namespace {

/** About a second of video at 4 Mbit/s. */
constexpr size_t kVideoHistoryPackets = 512;
constexpr size_t kVideoHistoryBytes = 512 * 1024;

ForwarderOptions optionsOf(const ForwardingOptions& options, PeerWire& target) {
  ForwarderOptions result;
  result.ssrc = options.ssrc;
  result.mid = options.mid;
  result.payloadTypes = options.payloadTypes;
  result.clockRate = options.clockRate;
  result.extensionIds = target.extensionIds();
  result.stamp = [&target](std::span<uint8_t> packet) { target.stamp(packet); };
  result.firstSequenceNumber = static_cast<uint16_t>(randomNumber() & 0x7fff);
  result.firstTimestamp = randomNumber();
  result.retransmissionSsrc = options.retransmissionSsrc;
  result.retransmissionPayloadTypes = options.retransmissionPayloadTypes;
  result.firstRetransmissionNumber = static_cast<uint16_t>(randomNumber() & 0x7fff);
  if (options.clockRate == kVideoClockRate) {
    result.historyPackets = kVideoHistoryPackets;
    result.historyBytes = kVideoHistoryBytes;
  }
  if (!options.nack) result.historyPackets = 0;
  return result;
}

DropReason reasonOf(Forwarder::Drop drop) {
  switch (drop) {
    case Forwarder::Drop::tooLarge: return DropReason::tooLarge;
    case Forwarder::Drop::tooOld: return DropReason::late;
    default: return DropReason::unknownPayloadType;
  }
}

}  // namespace

ForwardedStream::ForwardedStream(uint32_t handle, const ForwardingOptions& options, std::shared_ptr<PeerWire> target,
                                 std::shared_ptr<BatchQueue> events)
    : handle_(handle),
      options_(options),
      wire_(std::move(target)),
      events_(std::move(events)),
      feedback_(options.clockRate),
      forwarder_(optionsOf(options, *wire_)) {
  layers_.request(options.layer);
}

bool ForwardedStream::onPacket(const TappedPacket& tapped) {
  if (!wire_->isWritable()) {
    wire_->drops.add(DropReason::notWritable);
    return false;
  }
  const HeaderExtensionIds targetIds = wire_->extensionIds();
  std::array<uint8_t, kMaximumForwardedPacketBytes> buffer;
  size_t size = 0;
  {
    std::lock_guard lock(mutex_);
    const auto verdict = select(tapped);
    if (verdict != LayerSelector::Verdict::forward) return verdict == LayerSelector::Verdict::needsKeyFrame;
    forwarder_.setExtensionIds(targetIds);
    const auto written = forwarder_.forward(tapped.packet, tapped.ids, tapped.nowUs, tapped.codec);
    if (written.empty()) {
      if (forwarder_.lastDrop() != Forwarder::Drop::empty) wire_->drops.add(reasonOf(forwarder_.lastDrop()));
      return false;
    }
    size = std::min(written.size(), buffer.size());
    std::memcpy(buffer.data(), written.data(), size);
  }
  wire_->sendRtp(std::span(buffer).first(size), options_.clockRate == kVideoClockRate);
  return false;
}

LayerSelector::Verdict ForwardedStream::select(const TappedPacket& tapped) {
  if (tapped.rid.empty()) return LayerSelector::Verdict::forward;
  const auto before = layers_.current();
  const auto verdict =
      layers_.onPacket(tapped.rid, startsKeyFrame(tapped.codec, tapped.packet.payload()), tapped.nowUs);
  if (layers_.current() != before)
    events_->textEvent(RecordKind::layerSwitched, handle_, 0, 0, std::string(layers_.current()));
  return verdict;
}

void ForwardedStream::requestLayer(std::string_view rid) {
  std::lock_guard lock(mutex_);
  layers_.request(rid);
}

std::optional<uint32_t> ForwardedStream::sourceSsrc() const {
  std::lock_guard lock(mutex_);
  return forwarder_.sourceSsrc();
}

std::optional<ForwardedStream::Missing> ForwardedStream::onNack(uint16_t sequenceNumber, int64_t nowUs) {
  std::array<uint8_t, kMaximumForwardedPacketBytes> buffer;
  size_t size = 0;
  {
    std::lock_guard lock(mutex_);
    ++nacksReceived_;
    const auto packet = forwarder_.retransmit(sequenceNumber, nowUs, std::max<int64_t>(feedback_.roundTripUs(), 0));
    size = std::min(packet.size(), buffer.size());
    if (size == 0) return missingAtSource(sequenceNumber);
    std::memcpy(buffer.data(), packet.data(), size);
  }
  wire_->sendRtp(std::span(buffer).first(size), options_.clockRate == kVideoClockRate);
  return std::nullopt;
}

std::optional<ForwardedStream::Missing> ForwardedStream::missingAtSource(uint16_t sequenceNumber) const {
  // One that was sent again just now is on its way.
  if (forwarder_.holds(sequenceNumber)) return std::nullopt;
  const auto ssrc = forwarder_.sourceSsrc();
  const auto atSource = forwarder_.sourceSequenceNumber(sequenceNumber);
  if (!ssrc || !atSource) return std::nullopt;
  return Missing{*ssrc, *atSource};
}

void ForwardedStream::onPictureLoss() {
  std::lock_guard lock(mutex_);
  ++pictureLosses_;
}

bool ForwardedStream::senderInfo(int64_t nowUs, int64_t unixUs, SenderInfo& info) const {
  std::lock_guard lock(mutex_);
  return forwarder_.senderInfo(nowUs, unixUs, info);
}

OutboundStats ForwardedStream::stats() const {
  OutboundStats stats;
  stats.sender = handle_;
  stats.ssrc = options_.ssrc;
  stats.mid = options_.mid;
  {
    std::lock_guard lock(mutex_);
    stats.payloadType = forwarder_.lastPayloadType();
    stats.packetsSent = forwarder_.packetsSent();
    stats.bytesSent = forwarder_.bytesSent();
    stats.headerBytesSent = forwarder_.headerBytesSent();
    stats.retransmittedPacketsSent = forwarder_.packetsRetransmitted();
    stats.retransmittedBytesSent = forwarder_.bytesRetransmitted();
    stats.nackCount = nacksReceived_;
    stats.pliCount = pictureLosses_;
  }
  feedback_.fill(stats);
  return stats;
}

}  // namespace troupe
