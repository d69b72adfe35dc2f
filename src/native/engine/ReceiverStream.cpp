#include "ReceiverStream.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace troupe {

namespace {

constexpr const char* kDecodedCodec = "opus";
/** More than these a tick are never due; a bound for what comes from the network. */
constexpr int kMaximumPopsPerTick = 16;
constexpr int64_t kLongAgo = std::numeric_limits<int64_t>::min() / 2;

}  // namespace

ReceiverStream::ReceiverStream(uint32_t handle, ReceiverOptions options, std::shared_ptr<PeerWire> wire)
    : Producer(handle),
      kind_(options.kind),
      wire_(std::move(wire)),
      options_(std::move(options)),
      taps_(std::make_shared<const Taps>()),
      keyFrameAskedUs_(kLongAgo),
      lastBlindLossUs_(kLongAgo) {}

void ReceiverStream::update(ReceiverOptions options) {
  std::lock_guard lock(mutex_);
  options_ = std::move(options);
  if (jitterBuffer_) jitterBuffer_->setDelays(options_.minimumDelayMs * 1000, options_.maximumDelayMs * 1000);
}

void ReceiverStream::receive(const RtpPacket& packet, const HeaderExtensionIds& ids, int64_t arrivalUs) {
  const auto taps = store(packet, arrivalUs);
  if (!taps) return;
  for (const auto& tap : *taps) tap->onPacket(packet, ids, arrivalUs);
}

std::shared_ptr<const ReceiverStream::Taps> ReceiverStream::store(const RtpPacket& packet, int64_t arrivalUs) {
  std::lock_guard lock(mutex_);
  const CodecParameters* codec = codecFor(packet.payloadType());
  if (codec == nullptr) {
    wire_->drops.add(DropReason::unknownPayloadType);
    return nullptr;
  }
  Incoming& incoming = incomingFor(packet.ssrc(), codec->clockRate);
  const auto arrival = incoming.statistics.onPacket(packet.sequenceNumber(), packet.timestamp(), arrivalUs,
                                                    packet.headerBytes() + packet.paddingBytes(),
                                                    packet.payload().size());
  if (arrival == ReceptionStatistics::Arrival::outOfRange) {
    wire_->drops.add(DropReason::outOfRange);
    return nullptr;
  }
  if (arrival == ReceptionStatistics::Arrival::duplicate) {
    wire_->drops.add(DropReason::duplicate);
    return nullptr;
  }
  incoming.payloadType = packet.payloadType();
  if (options_.nack) incoming.nacks.onPacket(packet.sequenceNumber(), arrivalUs);
  if (jitterBuffer_) insert(packet, *codec, arrivalUs);
  return taps_;
}

void ReceiverStream::insert(const RtpPacket& packet, const CodecParameters& codec, int64_t arrivalUs) {
  if (codec.name != kDecodedCodec || packet.payload().empty()) return;
  TransformedFrame room;
  RtpPacket frame = packet;
  frame.replacePayload(transformed(packet, arrivalUs, room));
  if (frame.payload().empty()) {
    wire_->drops.add(DropReason::heldByTransform);
    return;
  }
  const size_t duration = AudioDecoder::durationAt48kHz(frame.payload());
  if (duration == 0) {
    wire_->drops.add(DropReason::decodeFailed);
    return;
  }
  switch (jitterBuffer_->insert(frame, arrivalUs, static_cast<uint32_t>(duration))) {
    case JitterBuffer::Inserted::late: wire_->drops.add(DropReason::late); break;
    case JitterBuffer::Inserted::rejected: wire_->drops.add(DropReason::outOfRange); break;
    default: break;
  }
}

void ReceiverStream::setTransform(std::shared_ptr<FrameTransform> transform) {
  std::lock_guard lock(mutex_);
  transform_ = std::move(transform);
}

std::span<const uint8_t> ReceiverStream::transformed(const RtpPacket& packet, int64_t arrivalUs,
                                                     std::span<uint8_t> out) {
  if (!transform_) return packet.payload();
  if (packet.payload().size() > FrameTransform::kMaximumFrameBytes) return {};
  FrameInfo info;
  info.ssrc = packet.ssrc();
  info.timestamp = packet.timestamp();
  info.payloadType = packet.payloadType();
  info.sequenceNumber = packet.sequenceNumber();
  info.arrivalUs = arrivalUs;
  return transform_->transform(info, packet.payload(), out);
}

ReceiverStream::Incoming& ReceiverStream::incomingFor(uint32_t ssrc, uint32_t clockRate) {
  for (const auto& held : incoming_)
    if (held->ssrc == ssrc) return *held;
  if (incoming_.size() == kMaximumSsrcs) {
    incoming_.erase(std::min_element(incoming_.begin(), incoming_.end(), [](const auto& a, const auto& b) {
      return a->statistics.lastArrivalUs() < b->statistics.lastArrivalUs();
    }));
  }
  incoming_.push_back(std::make_unique<Incoming>(ssrc, clockRate));
  return *incoming_.back();
}

const CodecParameters* ReceiverStream::codecFor(uint8_t payloadType) const {
  for (const CodecParameters& codec : options_.codecs)
    if (codec.payloadType == payloadType) return &codec;
  return nullptr;
}

bool ReceiverStream::onSenderReport(uint32_t ssrc, const SenderInfo& info, int64_t arrivalUs) {
  std::lock_guard lock(mutex_);
  for (const auto& held : incoming_) {
    if (held->ssrc != ssrc) continue;
    held->timing.onSenderReport(info, arrivalUs);
    return true;
  }
  return false;
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

size_t ReceiverStream::collectNacks(int64_t nowUs, std::span<uint16_t> requests, uint32_t& ssrc) {
  std::lock_guard lock(mutex_);
  if (!options_.nack) return 0;
  for (const auto& held : incoming_) {
    const size_t count = held->nacks.collect(nowUs, roundTripUs_, requests);
    if (count == 0) continue;
    ++nacksSent_;
    ssrc = held->ssrc;
    return count;
  }
  return 0;
}

std::optional<uint32_t> ReceiverStream::takeKeyFrameRequest(int64_t nowUs) {
  std::lock_guard lock(mutex_);
  if (incoming_.empty() || nowUs - keyFrameAskedUs_ < kKeyFrameIntervalUs) return std::nullopt;
  keyFrameAskedUs_ = nowUs;
  ++keyFramesAsked_;
  const auto newest = std::max_element(incoming_.begin(), incoming_.end(), [](const auto& a, const auto& b) {
    return a->statistics.lastArrivalUs() < b->statistics.lastArrivalUs();
  });
  return (*newest)->ssrc;
}

void ReceiverStream::appendReportBlocks(std::vector<ReportBlock>& blocks, int64_t nowUs) {
  std::lock_guard lock(mutex_);
  for (const auto& held : incoming_)
    if (held->statistics.hasPackets())
      blocks.push_back(held->statistics.takeReportBlock(held->ssrc, held->timing, nowUs));
}

void ReceiverStream::setRoundTrip(int64_t roundTripUs) {
  std::lock_guard lock(mutex_);
  roundTripUs_ = roundTripUs;
}

bool ReceiverStream::hasPayloadType(uint8_t payloadType) const {
  std::lock_guard lock(mutex_);
  return codecFor(payloadType) != nullptr;
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
  if (outputs().empty()) {
    decoder_.reset();
    flowing_ = false;
  } else if (!decoder_ || decoder_->format() != wanted) {
    decoder_ = std::make_unique<StreamDecoder>(wanted);
  }
  std::lock_guard lock(mutex_);
  if (outputs().empty()) {
    jitterBuffer_.reset();
  } else if (!jitterBuffer_) {
    JitterBufferOptions options;
    options.minimumDelayUs = options_.minimumDelayMs * 1000;
    options.maximumDelayUs = options_.maximumDelayMs * 1000;
    jitterBuffer_ = std::make_unique<JitterBuffer>(options);
  }
}

bool ReceiverStream::produce(const Tick& tick, PcmFrame& frame) {
  for (int pops = 0; pops < kMaximumPopsPerTick; ++pops) {
    const JitterBuffer::Output due = pop(tick.timeUs);
    if (due.kind == JitterBuffer::Kind::nothing) break;
    watchLosses(due, tick.timeUs);
    if (due.kind == JitterBuffer::Kind::packet) decoder_->onPacket(due.payload);
    else decoder_->onMissing(due.duration, due.payload);
  }
  const bool heard = decoder_->take(frame);
  {
    std::lock_guard lock(mutex_);
    jitterBuffer_->setQuiet(decoder_->isQuiet());
    decoding_ = decoder_->stats();
  }
  reportFlow(tick);
  return heard;
}

JitterBuffer::Output ReceiverStream::pop(int64_t nowUs) {
  std::lock_guard lock(mutex_);
  JitterBuffer::Output due = jitterBuffer_->pop(nowUs);
  // The I/O thread may overwrite what it points at once the lock is gone.
  const size_t size = std::min(due.payload.size(), payload_.size());
  std::copy_n(due.payload.begin(), size, payload_.begin());
  due.payload = std::span(payload_).first(size);
  return due;
}

void ReceiverStream::watchLosses(const JitterBuffer::Output& due, int64_t nowUs) {
  if (due.kind == JitterBuffer::Kind::missing) {
    concealedBlindly_ = concealedBlindly_ || due.payload.empty();
    return;
  }
  const auto skipped = static_cast<uint16_t>(due.sequenceNumber - lastPlayed_ - 1);
  const bool wasLost = hasPlayed_ && concealedBlindly_ && skipped == 1;
  hasPlayed_ = true;
  lastPlayed_ = due.sequenceNumber;
  concealedBlindly_ = false;
  if (!wasLost || !AudioDecoder::hasFec(due.payload)) return;
  if (nowUs - lastBlindLossUs_ < kBlindLossPairUs) {
    std::lock_guard lock(mutex_);
    jitterBuffer_->stretch();
  }
  lastBlindLossUs_ = nowUs;
}

void ReceiverStream::reportFlow(const Tick& tick) {
  if (decoder_->isFlowing() == flowing_) return;
  flowing_ = decoder_->isFlowing();
  tick.out.event(RecordKind::receiverFlow, handle(), flowing_ ? 1 : 0);
}

int64_t ReceiverStream::takeLongestGapUs() {
  std::lock_guard lock(mutex_);
  return incoming_.empty() ? 0 : incoming_.back()->statistics.takeLongestGapUs();
}

void ReceiverStream::appendStats(std::vector<InboundStats>& out) const {
  std::lock_guard lock(mutex_);
  for (const auto& held : incoming_) {
    InboundStats stats;
    stats.receiver = handle();
    stats.ssrc = held->ssrc;
    stats.kind = kind_;
    stats.mid = options_.mid;
    stats.payloadType = held->payloadType;
    stats.packetsReceived = held->statistics.packetsReceived();
    stats.bytesReceived = held->statistics.bytesReceived();
    stats.headerBytesReceived = held->statistics.headerBytesReceived();
    stats.packetsLost = held->statistics.packetsLost();
    stats.packetsDuplicated = held->statistics.packetsDuplicated();
    stats.jitter = held->statistics.jitterSeconds();
    stats.lastPacketUs = held->statistics.lastArrivalUs();
    // The decoder hears one stream at a time: the newest one carries its figures.
    if (held == incoming_.back()) appendDecoding(stats);
    out.push_back(std::move(stats));
  }
}

void ReceiverStream::appendDecoding(InboundStats& stats) const {
  stats.nackCount = nacksSent_;
  stats.pliCount = keyFramesAsked_;
  stats.totalSamplesReceived = decoding_.samples;
  stats.totalSamplesDuration = static_cast<double>(decoding_.samples) / kMaximumRateHz;
  stats.concealedSamples = decoding_.concealedSamples;
  stats.silentConcealedSamples = decoding_.silentConcealedSamples;
  stats.concealmentEvents = decoding_.concealmentEvents;
  stats.fecPacketsReceived = decoding_.packetsRecovered;
  stats.audioLevel = decoding_.audioLevel;
  stats.totalAudioEnergy = decoding_.totalEnergy;
  if (!jitterBuffer_) return;
  const JitterBufferStats& buffer = jitterBuffer_->stats();
  stats.packetsDiscarded = buffer.packetsLate + buffer.packetsSkipped;
  stats.jitterBufferDelay = buffer.delaySecondsTimesSamples;
  stats.jitterBufferEmittedCount = buffer.samplesEmitted;
}

}  // namespace troupe
