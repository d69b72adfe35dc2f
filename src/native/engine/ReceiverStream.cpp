#include "ReceiverStream.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "RedPayload.hpp"

namespace troupe {

namespace {

constexpr int64_t kLongAgo = std::numeric_limits<int64_t>::min() / 2;
/** A stream that was left is followed again from this packet of it on. */
constexpr int kPacketsToReturn = 2;
constexpr const char* kRetransmissionCodec = "rtx";
constexpr const char* kRedundancyCodec = "red";

}  // namespace

ReceiverStream::ReceiverStream(uint32_t handle, ReceiverOptions options, std::shared_ptr<PeerWire> wire)
    : Producer(handle),
      kind_(options.kind),
      wire_(std::move(wire)),
      options_(std::move(options)),
      taps_(std::make_shared<const Taps>()),
      roundTripKnownUs_(kLongAgo) {}

ReceiverStream::Incoming::Incoming(uint32_t streamSsrc, uint32_t clockRate)
    : ssrc(streamSsrc), statistics(clockRate), keyFrameAskedUs(kLongAgo) {}

void ReceiverStream::update(ReceiverOptions options) {
  std::lock_guard lock(mutex_);
  options_ = std::move(options);
  if (playout_) playout_->setDelays(options_.minimumDelayMs * 1000, options_.maximumDelayMs * 1000);
}

void ReceiverStream::receive(const RtpPacket& packet, const HeaderExtensionIds& ids, int64_t arrivalUs) {
  std::optional<Arrived> arrived;
  Stored stored;
  {
    std::lock_guard lock(mutex_);
    arrived = identify(packet, ids, arrivalUs);
    if (arrived) stored = store(*arrived, ids, arrivalUs);
  }
  if (stored.isPlayed) insert(*arrived, arrivalUs);
  if (!stored.taps) return;
  bool needsKeyFrame = false;
  for (const auto& tap : *stored.taps)
    needsKeyFrame |= tap->onPacket({arrived->packet, ids, arrived->rid, arrived->videoCodec, arrivalUs});
  if (needsKeyFrame) wantKeyFrame(arrived->packet.ssrc());
}

std::optional<ReceiverStream::Arrived> ReceiverStream::identify(const RtpPacket& packet, const HeaderExtensionIds& ids,
                                                                int64_t arrivalUs) {
  const CodecParameters* codec = codecFor(packet.payloadType());
  if (codec != nullptr && codec->name != kRetransmissionCodec)
    return Arrived{packet, codec->clockRate, codec->name == kRedundancyCodec, false, videoCodecOf(codec->name), {}};
  const CodecParameters* repaired =
      codec == nullptr || codec->associatedPayloadType < 0
          ? nullptr
          : codecFor(static_cast<uint8_t>(codec->associatedPayloadType));
  if (repaired == nullptr) {
    wire_->drops.add(DropReason::unknownPayloadType);
    return std::nullopt;
  }
  const auto ssrc = repairedSsrc(packet, repaired->payloadType, ids);
  if (!ssrc) {
    wire_->drops.add(DropReason::unknownSsrc);
    return std::nullopt;
  }
  countRepair(*ssrc, packet, repaired->clockRate, arrivalUs);
  const auto original = packet.retransmitted(*ssrc, repaired->payloadType);
  if (!original) return std::nullopt;
  return Arrived{*original, repaired->clockRate, repaired->name == kRedundancyCodec, true,
                 videoCodecOf(repaired->name), {}};
}

void ReceiverStream::countRepair(uint32_t ssrc, const RtpPacket& packet, uint32_t clockRate, int64_t arrivalUs) {
  Incoming* repaired = find(ssrc);
  if (repaired == nullptr) return;
  if (!repaired->repairs || repaired->repairs->ssrc != packet.ssrc())
    repaired->repairs = std::make_unique<Incoming>(packet.ssrc(), clockRate);
  repaired->repairs->statistics.onPacket(packet.sequenceNumber(), packet.timestamp(), arrivalUs,
                                         packet.headerBytes() + packet.paddingBytes(), packet.payload().size());
}

std::optional<uint32_t> ReceiverStream::repairedSsrc(const RtpPacket& packet, int payloadType,
                                                     const HeaderExtensionIds& ids) const {
  for (const auto& [stream, retransmission] : options_.retransmissionSsrcs)
    if (retransmission == packet.ssrc()) return stream;
  const std::string_view rid = packet.repairedRid(ids);
  for (const auto& held : incoming_) {
    const bool isKnown = !held->rid.empty() && held->repairs && held->repairs->ssrc == packet.ssrc();
    if (isKnown || (!rid.empty() && held->rid == rid)) return held->ssrc;
  }
  // Unsignalled: the stream that last had the payload type which it repairs (RFC 4588, section 5.3).
  const Incoming* newest = nullptr;
  for (const auto& held : incoming_) {
    // Which of several layers it repairs cannot be told.
    if (!held->rid.empty()) return std::nullopt;
    if (held->payloadType != payloadType) continue;
    if (newest == nullptr || held->statistics.lastArrivalUs() >= newest->statistics.lastArrivalUs()) newest = held.get();
  }
  return newest == nullptr ? std::nullopt : std::optional(newest->ssrc);
}

ReceiverStream::Stored ReceiverStream::store(Arrived& arrived, const HeaderExtensionIds& ids, int64_t arrivalUs) {
  const RtpPacket& packet = arrived.packet;
  // What repairs nothing must not pass for a new stream, which would be followed.
  if (arrived.isRetransmission && find(packet.ssrc()) == nullptr) {
    wire_->drops.add(DropReason::unknownSsrc);
    return {};
  }
  Incoming& incoming = incomingFor(packet.ssrc(), arrived.clockRate);
  incoming.statistics.setClockRate(arrived.clockRate);
  const auto arrival = arrived.isRetransmission
                           ? incoming.statistics.onRepair(packet.sequenceNumber())
                           : incoming.statistics.onPacket(packet.sequenceNumber(), packet.timestamp(), arrivalUs,
                                                          packet.headerBytes() + packet.paddingBytes(),
                                                          packet.payload().size());
  if (arrival == ReceptionStatistics::Arrival::outOfRange) {
    wire_->drops.add(DropReason::outOfRange);
    return {};
  }
  if (arrival == ReceptionStatistics::Arrival::duplicate) {
    wire_->drops.add(DropReason::duplicate);
    return {};
  }
  incoming.payloadType = packet.payloadType();
  learnFrom(incoming, arrived, ids);
  const bool isFollowed = follow(incoming, arrival, arrivalUs);
  if (options_.nack) {
    if (const auto afterRequestUs = incoming.nacks.onPacket(packet.sequenceNumber(), arrivalUs)) {
      arrived.isRetransmission = true;
      learnRoundTrip(*afterRequestUs, arrivalUs);
    }
  }
  if (arrived.isRetransmission) {
    ++incoming.retransmittedPackets;
    incoming.retransmittedBytes += packet.payload().size();
  }
  if (isPulled_ && !isFollowed) wire_->drops.add(DropReason::late);
  return {taps_, isPulled_ && isFollowed};
}

bool ReceiverStream::follow(Incoming& incoming, ReceptionStatistics::Arrival arrival, int64_t arrivalUs) {
  if (&incoming != followed_) {
    const bool isAhead =
        arrival == ReceptionStatistics::Arrival::inOrder || arrival == ReceptionStatistics::Arrival::restarted;
    if (isAhead) ++incoming.aheadWhileLeft;
    const bool isQuiet = arrivalUs - followed_->statistics.lastArrivalUs() > frameUs_ * 3 / 2;
    if (incoming.aheadWhileLeft < kPacketsToReturn || !isQuiet) return false;
    followed_ = &incoming;
  }
  for (const auto& held : incoming_) held->aheadWhileLeft = 0;
  return true;
}

void ReceiverStream::learnFrom(Incoming& incoming, Arrived& arrived, const HeaderExtensionIds& ids) {
  const RtpPacket& packet = arrived.packet;
  if (kind_ == MediaKind::audio) {
    if (const auto level = packet.audioLevel(ids)) loudest_ = std::max(loudest_, int{level->dBov});
    return;
  }
  if (const auto rid = packet.rid(ids); incoming.rid.empty() && rid.size() <= kLongestRid) incoming.rid = rid;
  arrived.rid = incoming.rid;
  if (incoming.keyFrameWanted && startsKeyFrame(arrived.videoCodec, packet.payload())) incoming.keyFrameWanted = false;
}

void ReceiverStream::insert(const Arrived& arrived, int64_t arrivalUs) {
  if (arrived.packet.payload().empty()) return;
  if (arrived.isRedundant) {
    insertRedundant(arrived, arrivalUs);
    return;
  }
  EncodedFrame frame;
  frame.origin = arrived.isRetransmission ? EncodedFrame::Origin::retransmission : EncodedFrame::Origin::packet;
  frame.ssrc = arrived.packet.ssrc();
  frame.sequenceNumber = arrived.packet.sequenceNumber();
  frame.timestamp = arrived.packet.timestamp();
  frame.payload = arrived.packet.payload();
  insertFrame(frame, arrived.packet.payloadType(), arrivalUs);
}

void ReceiverStream::insertRedundant(const Arrived& arrived, int64_t arrivalUs) {
  RedPayload red;
  if (!RedPayload::parse(arrived.packet.payload(), red)) {
    wire_->drops.add(DropReason::decodeFailed);
    return;
  }
  EncodedFrame frame;
  frame.origin = arrived.isRetransmission ? EncodedFrame::Origin::retransmission : EncodedFrame::Origin::packet;
  frame.ssrc = arrived.packet.ssrc();
  frame.sequenceNumber = arrived.packet.sequenceNumber();
  frame.timestamp = arrived.packet.timestamp();
  frame.payload = red.primary().data;
  frame.repairsPrevious = !red.copies().empty();
  if (!insertFrame(frame, red.primary().payloadType, arrivalUs)) return;
  frame.origin = EncodedFrame::Origin::copy;
  frame.repairsPrevious = false;
  int64_t frameUs = 0;
  {
    std::lock_guard lock(mutex_);
    frameUs = frameUs_;
  }
  size_t back = red.copies().size();
  for (const RedBlock& copy : red.copies()) {
    // Senders may leave frames out between the copies: the time between them tells how many.
    const int64_t offsetUs = int64_t{copy.timestampOffset} * 1'000'000 / arrived.clockRate;
    const int64_t packets = offsetUs % frameUs == 0 ? offsetUs / frameUs : static_cast<int64_t>(back);
    --back;
    EncodedFrame earlier = frame;
    earlier.sequenceNumber = static_cast<uint16_t>(frame.sequenceNumber - packets);
    earlier.timestamp = frame.timestamp - copy.timestampOffset;
    earlier.payload = copy.data;
    insertFrame(earlier, copy.payloadType, arrivalUs);
  }
}

bool ReceiverStream::insertFrame(EncodedFrame frame, uint8_t payloadType, int64_t arrivalUs) {
  std::shared_ptr<FrameTransform> transform;
  {
    std::lock_guard lock(mutex_);
    const CodecParameters* codec = codecFor(payloadType);
    if (codec == nullptr || !audioCodecOf(codec->name) || frame.payload.empty()) return false;
    transform = transform_;
  }
  TransformedFrame room;
  if (transform) frame.payload = transformed(*transform, frame, payloadType, arrivalUs, room);
  if (frame.payload.empty()) {
    if (transform->holds()) return true;
    wire_->drops.add(DropReason::heldByTransform);
    return false;
  }
  std::lock_guard lock(mutex_);
  return play(frame, payloadType, arrivalUs).has_value();
}

bool ReceiverStream::resume(const FrameInfo& info, std::span<const uint8_t> payload) {
  std::lock_guard lock(mutex_);
  if (payload.empty()) return false;
  EncodedFrame frame;
  if (info.isRetransmitted) frame.origin = EncodedFrame::Origin::retransmission;
  if (info.isCopy) frame.origin = EncodedFrame::Origin::copy;
  frame.ssrc = info.ssrc;
  frame.sequenceNumber = info.sequenceNumber;
  frame.timestamp = info.timestamp;
  frame.repairsPrevious = info.repairsPrevious;
  frame.payload = payload;
  const auto inserted = play(frame, info.payloadType, info.timeUs);
  return inserted && *inserted != JitterBuffer::Inserted::late;
}

std::optional<JitterBuffer::Inserted> ReceiverStream::play(EncodedFrame frame, uint8_t payloadType, int64_t arrivalUs) {
  const CodecParameters* codec = codecFor(payloadType);
  const auto decoded = codec == nullptr ? std::nullopt : audioCodecOf(codec->name);
  // While it was transformed another stream may have taken over.
  if (!decoded || !isPulled_ || followed_ == nullptr || followed_->ssrc != frame.ssrc) return std::nullopt;
  frame.codec = *decoded;
  frame.duration = static_cast<uint32_t>(AudioDecoder::durationAt48kHz(*decoded, frame.payload));
  if (frame.duration == 0) {
    wire_->drops.add(DropReason::decodeFailed);
    return std::nullopt;
  }
  frame.repairsPrevious = frame.repairsPrevious || AudioDecoder::hasFec(*decoded, frame.payload);
  if (frame.origin != EncodedFrame::Origin::copy) frameUs_ = int64_t{frame.duration} * 1'000'000 / kMaximumRateHz;
  const auto inserted = playout_->insert(frame, arrivalUs);
  if (frame.origin != EncodedFrame::Origin::copy) countInserted(inserted);
  return inserted;
}

void ReceiverStream::countInserted(JitterBuffer::Inserted inserted) {
  if (inserted == JitterBuffer::Inserted::late) wire_->drops.add(DropReason::late);
  if (inserted == JitterBuffer::Inserted::rejected) wire_->drops.add(DropReason::outOfRange);
}

std::shared_ptr<FrameTransform> ReceiverStream::setTransform(std::shared_ptr<FrameTransform> transform) {
  std::lock_guard lock(mutex_);
  return std::exchange(transform_, std::move(transform));
}

std::span<const uint8_t> ReceiverStream::transformed(FrameTransform& transform, const EncodedFrame& frame,
                                                     uint8_t payloadType, int64_t arrivalUs, std::span<uint8_t> out) {
  if (frame.payload.size() > FrameTransform::kMaximumFrameBytes) return {};
  FrameInfo info;
  info.ssrc = frame.ssrc;
  info.timestamp = frame.timestamp;
  info.payloadType = payloadType;
  info.sequenceNumber = frame.sequenceNumber;
  info.timeUs = arrivalUs;
  info.isCopy = frame.origin == EncodedFrame::Origin::copy;
  info.isRetransmitted = frame.origin == EncodedFrame::Origin::retransmission;
  info.repairsPrevious = frame.repairsPrevious;
  return transform.transform(info, frame.payload, out);
}

ReceiverStream::Incoming& ReceiverStream::incomingFor(uint32_t ssrc, uint32_t clockRate) {
  if (Incoming* known = find(ssrc)) return *known;
  if (incoming_.size() == kMaximumSsrcs) {
    incoming_.erase(std::min_element(incoming_.begin(), incoming_.end(), [](const auto& a, const auto& b) {
      return a->statistics.lastArrivalUs() < b->statistics.lastArrivalUs();
    }));
  }
  incoming_.push_back(std::make_unique<Incoming>(ssrc, clockRate));
  followed_ = incoming_.back().get();
  followed_->keyFrameWanted = std::exchange(firstKeyFrameWanted_, false);
  return *followed_;
}

const CodecParameters* ReceiverStream::codecFor(uint8_t payloadType) const {
  for (const CodecParameters& codec : options_.codecs)
    if (codec.payloadType == payloadType) return &codec;
  return nullptr;
}

void ReceiverStream::addTap(std::shared_ptr<PacketTap> tap) {
  std::lock_guard lock(mutex_);
  auto taps = std::make_shared<Taps>(*taps_);
  taps->push_back(std::move(tap));
  taps_ = std::move(taps);
}

void ReceiverStream::removeTap(const PacketTap* tap) {
  std::lock_guard lock(mutex_);
  auto taps = std::make_shared<Taps>(*taps_);
  std::erase_if(*taps, [tap](const auto& held) { return held.get() == tap; });
  taps_ = std::move(taps);
}

ReceiverStream::Incoming* ReceiverStream::find(uint32_t ssrc) {
  for (const auto& held : incoming_)
    if (held->ssrc == ssrc) return held.get();
  return nullptr;
}

bool ReceiverStream::takesUnsignalled(uint8_t payloadType) const {
  std::lock_guard lock(mutex_);
  const CodecParameters* codec = codecFor(payloadType);
  if (codec == nullptr) return false;
  return codec->name == kRetransmissionCodec ? options_.retransmissionSsrcs.empty() : options_.ssrcs.empty();
}

ReceiverOptions ReceiverStream::options() const {
  std::lock_guard lock(mutex_);
  return options_;
}

void ReceiverStream::outputsChanged() {
  PcmFormat wanted{8'000, 1};
  for (const auto& output : outputs()) {
    wanted.rateHz = std::max(wanted.rateHz, opusRateFor(output->format().rateHz));
    wanted.channels = std::max(wanted.channels, output->format().channels);
  }
  if (outputs().empty()) flowing_ = false;
  else if (playout_) playout_->setFormat(wanted);
  std::lock_guard lock(mutex_);
  isPulled_ = !outputs().empty();
  if (!isPulled_) {
    if (playout_) playout_->pause();
  } else if (!playout_) {
    JitterBufferOptions options;
    options.minimumDelayUs = options_.minimumDelayMs * 1000;
    options.maximumDelayUs = options_.maximumDelayMs * 1000;
    playout_ = std::make_unique<AudioPlayout>(wanted, options);
  }
}

bool ReceiverStream::produce(const Tick& tick, PcmFrame& frame) {
  const bool heard = playout_->produce(tick.timeUs, frame);
  reportFlow(tick);
  return heard;
}

void ReceiverStream::reportFlow(const Tick& tick) {
  if (playout_->isFlowing() == flowing_) return;
  flowing_ = playout_->isFlowing();
  tick.out.event(RecordKind::receiverFlow, handle(), flowing_ ? 1 : 0);
}

}  // namespace troupe
