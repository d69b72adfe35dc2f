#include "Peer.hpp"

#include <algorithm>
#include <utility>

#include "RandomNumber.hpp"
#include "RtcpParser.hpp"

namespace troupe {

namespace {

/** SSRCs learnt from packets, beyond which none is learnt: a sender that changes it all the time gets no further. */
constexpr size_t kMaximumSsrcs = 256;

}  // namespace

/** What each part of an RTCP packet does. Runs without the peer's lock. */
class Peer::RtcpHandler final : public RtcpVisitor {
 public:
  RtcpHandler(Peer& peer, int64_t nowUs) : peer_(peer), nowUs_(nowUs) {}

  void onSenderReport(uint32_t senderSsrc, const SenderInfo& info) override {
    if (const auto receiver = peer_.knownReceiver(senderSsrc)) receiver->onSenderReport(senderSsrc, info, nowUs_);
  }

  void onReportBlock(uint32_t, const ReportBlock& block) override {
    const int64_t unixUs = nowUs_ + peer_.unixOffsetUs_;
    if (const auto sender = peer_.findSender(block.ssrc)) {
      if (sender->feedback().onReportBlock(block, unixUs))
        peer_.events_->event(RecordKind::senderLoss, sender->handle(), sender->feedback().expectedLossPercent());
      peer_.tellRoundTrip(sender->feedback().roundTripUs(), nowUs_);
    } else if (const auto forwarding = peer_.findForwarding(block.ssrc); forwarding.stream) {
      forwarding.stream->feedback().onReportBlock(block, unixUs);
    }
  }

  void onNack(uint32_t, uint32_t mediaSsrc, uint16_t sequenceNumber) override {
    if (const auto sender = peer_.findSender(mediaSsrc)) {
      sender->onNack(sequenceNumber, nowUs_);
      return;
    }
    const auto forwarding = peer_.findForwarding(mediaSsrc);
    if (!forwarding.stream) return;
    const auto missing = forwarding.stream->onNack(sequenceNumber, nowUs_);
    const auto receiver = forwarding.receiver.lock();
    if (missing && receiver) receiver->want(missing->ssrc, missing->sequenceNumber);
  }

  void onTransportFeedback(uint32_t, const TransportFeedback& feedback) override {
    ++peer_.feedbacksReceived_;
    peer_.packetsReported_ += feedback.packetCount;
    peer_.packetsReportedLost_ += feedback.packetCount - feedback.receivedCount;
  }

  void onPictureLoss(uint32_t, uint32_t mediaSsrc) override {
    if (const auto sender = peer_.findSender(mediaSsrc)) sender->onPictureLoss();
    const auto forwarding = peer_.findForwarding(mediaSsrc);
    if (!forwarding.stream) return;
    forwarding.stream->onPictureLoss();
    const auto source = forwarding.sourcePeer.lock();
    const auto receiver = forwarding.receiver.lock();
    if (source && receiver) source->requestKeyFrame(*receiver, forwarding.stream->sourceSsrc(), nowUs_);
  }

  void onFullIntraRequest(uint32_t senderSsrc, uint32_t mediaSsrc, uint8_t) override {
    onPictureLoss(senderSsrc, mediaSsrc);
  }

  void onBye(uint32_t ssrc, std::string_view) override {
    if (const auto receiver = peer_.knownReceiver(ssrc)) receiver->onBye(ssrc);
    peer_.events_->event(RecordKind::bye, peer_.handle_, ssrc);
  }

 private:
  Peer& peer_;
  const int64_t nowUs_;
};

Peer::Peer(uint32_t handle, std::shared_ptr<BatchQueue> events, int64_t unixOffsetUs)
    : handle_(handle),
      events_(std::move(events)),
      wire_(std::make_shared<PeerWire>()),
      unixOffsetUs_(unixOffsetUs),
      ownSsrc_(randomNumber()) {}

void Peer::addReceiver(std::shared_ptr<ReceiverStream> receiver) {
  std::deque<HeldPackets::Packet> held;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    bindSsrcs(receiver, receiver->options());
    receivers_.push_back(std::move(receiver));
    held = held_.takeAll();
  }
  replay(std::move(held));
}

void Peer::updateReceiver(ReceiverStream& receiver, ReceiverOptions options) {
  std::deque<HeldPackets::Packet> held;
  {
    std::lock_guard lock(mutex_);
    const auto shared = std::find_if(receivers_.begin(), receivers_.end(),
                                     [&](const auto& held) { return held.get() == &receiver; });
    if (shared == receivers_.end()) return;
    // With SSRCs from signalling those count; without, what was learnt is kept unless the mid has changed.
    if (!options.ssrcs.empty() || options.mid != receiver.options().mid) forgetSsrcsOf(&receiver);
    bindSsrcs(*shared, options);
    receiver.update(std::move(options));
    held = held_.takeAll();
  }
  replay(std::move(held));
}

void Peer::bindSsrcs(const std::shared_ptr<ReceiverStream>& receiver, const ReceiverOptions& options) {
  for (const uint32_t ssrc : options.ssrcs) receiversBySsrc_[ssrc] = receiver;
  for (const auto& [ssrc, retransmission] : options.retransmissionSsrcs) receiversBySsrc_[retransmission] = receiver;
}

void Peer::removeReceiver(const ReceiverStream* receiver) {
  std::lock_guard lock(mutex_);
  forgetSsrcsOf(receiver);
  std::erase_if(receivers_, [receiver](const auto& held) { return held.get() == receiver; });
}

void Peer::forgetSsrcsOf(const ReceiverStream* receiver) {
  std::erase_if(receiversBySsrc_, [receiver](const auto& entry) { return entry.second.get() == receiver; });
}

std::shared_ptr<SenderStream> Peer::createSender(uint32_t handle, SenderOptions options) {
  std::lock_guard lock(mutex_);
  const auto position = positions_.of(options.ssrc);
  auto sender = std::make_shared<SenderStream>(handle, std::move(options), wire_, position);
  senders_.push_back(sender);
  return sender;
}

std::shared_ptr<SenderStream> Peer::replaceSender(SenderStream& sender, SenderOptions options) {
  std::lock_guard lock(mutex_);
  if (const auto position = sender.retire()) positions_.remember(sender.ssrc(), *position);
  const auto position = positions_.of(options.ssrc);
  auto next = std::make_shared<SenderStream>(sender.handle(), std::move(options), wire_, position);
  const auto transform = sender.transform();
  if (transform) transform->setOutlet(next);
  next->setTransform(transform);
  next->feedback().goOnFrom(sender.feedback());
  next->takeHistory(sender);
  for (auto& held : senders_)
    if (held.get() == &sender) held = next;
  return next;
}

void Peer::removeSender(SenderStream& sender) {
  std::optional<StreamPosition> position;
  {
    std::lock_guard lock(mutex_);
    if (std::erase_if(senders_, [&](const auto& held) { return held.get() == &sender; }) == 0) return;
    position = sender.retire();
    if (position) positions_.remember(sender.ssrc(), *position);
  }
  if (position) sendBye(sender.ssrc(), sender.options().cname);
}

void Peer::addForwarder(std::shared_ptr<ForwardedStream> forwarder, std::weak_ptr<ReceiverStream> receiver,
                        std::weak_ptr<Peer> sourcePeer) {
  std::lock_guard lock(mutex_);
  forwardings_.push_back({std::move(forwarder), std::move(receiver), std::move(sourcePeer)});
}

void Peer::removeForwarder(const ForwardedStream* forwarder) {
  bool sent = false;
  {
    std::lock_guard lock(mutex_);
    sent = std::erase_if(forwardings_, [forwarder](const auto& held) { return held.stream.get() == forwarder; }) > 0;
  }
  if (sent && forwarder->stats().packetsSent > 0) sendBye(forwarder->ssrc(), forwarder->options().cname);
}

void Peer::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    receiversBySsrc_.clear();
    receivers_.clear();
    senders_.clear();
    forwardings_.clear();
    held_.takeAll();
  }
  wire_->setWritable(false);
  wire_->setSender(nullptr);
}

void Peer::setWritable(bool writable) { wire_->setWritable(writable); }

void Peer::receiveRtp(const uint8_t* data, size_t size, int64_t arrivalUs) { receive(data, size, arrivalUs, false); }

void Peer::receive(const uint8_t* data, size_t size, int64_t arrivalUs, bool isReplay) {
  RtpPacket packet;
  if (const RtpParseError error = RtpPacket::parse({data, size}, packet); error != RtpParseError::none) {
    wire_->drops.add(dropReasonOf(error));
    return;
  }
  const HeaderExtensionIds ids = wire_->extensionIds();
  if (!isReplay) {
    const auto number = packet.transportSequenceNumber(ids);
    if (number) arrivals_.add(*number, packet.ssrc(), arrivalUs);
  }
  if (const auto receiver = findReceiver(packet, ids)) receiver->receive(packet, ids, arrivalUs);
  else hold(packet, ids, arrivalUs);
}

std::shared_ptr<ReceiverStream> Peer::findReceiver(const RtpPacket& packet, const HeaderExtensionIds& ids) {
  std::lock_guard lock(mutex_);
  if (const auto found = receiversBySsrc_.find(packet.ssrc()); found != receiversBySsrc_.end()) return found->second;
  auto receiver = learnReceiver(packet, ids);
  if (receiver && receiversBySsrc_.size() < kMaximumSsrcs) receiversBySsrc_.emplace(packet.ssrc(), receiver);
  return receiver;
}

std::shared_ptr<ReceiverStream> Peer::learnReceiver(const RtpPacket& packet, const HeaderExtensionIds& ids) {
  if (const std::string_view mid = packet.mid(ids); !mid.empty()) {
    const auto found = std::find_if(receivers_.begin(), receivers_.end(),
                                    [mid](const auto& held) { return held->options().mid == mid; });
    return found == receivers_.end() ? nullptr : *found;
  }
  std::shared_ptr<ReceiverStream> only;
  for (const auto& receiver : receivers_) {
    if (!receiver->takesUnsignalled(packet.payloadType())) continue;
    if (only) return nullptr;
    only = receiver;
  }
  return only;
}

void Peer::hold(const RtpPacket& packet, const HeaderExtensionIds& ids, int64_t arrivalUs) {
  bool isNew = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    isNew = held_.ask(packet.ssrc());
    if (!held_.hold(packet.ssrc(), packet.bytes(), arrivalUs)) wire_->drops.add(DropReason::holdingFull);
  }
  if (!isNew) return;
  const std::string_view mid = packet.mid(ids).empty() ? packet.rid(ids) : packet.mid(ids);
  events_->textEvent(RecordKind::unknownSsrc, handle_, packet.ssrc(), packet.payloadType(), std::string(mid));
}

void Peer::replay(std::deque<HeldPackets::Packet> packets) {
  for (const auto& packet : packets) receive(packet.bytes.data(), packet.bytes.size(), packet.arrivalUs, true);
}

void Peer::receiveRtcp(const uint8_t* data, size_t size, int64_t arrivalUs) {
  RtcpHandler handler(*this, arrivalUs);
  const auto result = RtcpParser::parse({data, size}, handler);
  if (result.malformed > 0) wire_->drops.add(DropReason::badRtcp, result.malformed);
  if (result.skipped > 0) wire_->drops.add(DropReason::unknownRtcp, result.skipped);
}

void Peer::tellRoundTrip(int64_t roundTripUs, int64_t nowUs) {
  if (roundTripUs < 0) return;
  std::lock_guard lock(mutex_);
  for (const auto& receiver : receivers_) receiver->setRoundTrip(roundTripUs, nowUs);
}

std::shared_ptr<ReceiverStream> Peer::knownReceiver(uint32_t ssrc) const {
  std::lock_guard lock(mutex_);
  const auto found = receiversBySsrc_.find(ssrc);
  return found == receiversBySsrc_.end() ? nullptr : found->second;
}

std::shared_ptr<SenderStream> Peer::findSender(uint32_t ssrc) const {
  std::lock_guard lock(mutex_);
  for (const auto& sender : senders_)
    if (sender->ssrc() == ssrc) return sender;
  return nullptr;
}

Peer::Forwarding Peer::findForwarding(uint32_t ssrc) const {
  std::lock_guard lock(mutex_);
  for (const auto& forwarding : forwardings_)
    if (forwarding.stream->ssrc() == ssrc) return forwarding;
  return {};
}

void Peer::appendStats(std::vector<InboundStats>& inbound, std::vector<OutboundStats>& outbound) const {
  std::lock_guard lock(mutex_);
  for (const auto& receiver : receivers_) receiver->appendStats(inbound);
  for (const auto& sender : senders_) outbound.push_back(sender->stats());
  for (const auto& forwarding : forwardings_) {
    outbound.push_back(forwarding.stream->stats());
    if (const auto receiver = forwarding.receiver.lock()) outbound.back().kind = receiver->options().kind;
  }
}

TransportFeedbackStats Peer::transportFeedbackStats() const {
  return {feedbacksSent_, feedbacksReceived_, packetsReported_, packetsReportedLost_};
}

}  // namespace troupe
