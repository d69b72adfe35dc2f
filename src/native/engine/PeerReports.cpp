// The part of Peer that sends: reports, requests for what is missing, goodbyes.
#include <algorithm>
#include <array>

#include "Peer.hpp"
#include "RandomNumber.hpp"

namespace troupe {

namespace {

constexpr size_t kMaximumRequestsPerTick = 64;
constexpr size_t kMaximumBlocks = 31;

}  // namespace

void Peer::run(const Tick& tick) {
  const bool isWritable = wire_->isWritable();
  {
    std::lock_guard lock(mutex_);
    if (const size_t expired = held_.expire(tick.timeUs); expired > 0)
      wire_->drops.add(DropReason::heldTooLong, expired);
    if (isWritable) askers_.assign(receivers_.begin(), receivers_.end());
  }
  if (!isWritable) return;
  sendNacks(tick.timeUs);
  sendKeyFrameRequests(tick.timeUs);
  askers_.clear();
  sendTransportFeedback(tick.timeUs);
  if (tick.timeUs < nextReportUs_) return;
  nextReportUs_ = tick.timeUs + kReportIntervalUs / 2 + randomNumber() % kReportIntervalUs;
  sendReports(tick.timeUs);
  sendMaximumBitRate();
}

void Peer::sendNacks(int64_t nowUs) {
  std::array<uint16_t, kMaximumRequestsPerTick> missing;
  for (const auto& receiver : askers_) {
    uint32_t ssrc = 0;
    const size_t count = receiver->collectNacks(nowUs, missing, ssrc);
    if (count == 0) continue;
    std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
    RtcpBuilder builder(buffer);
    const uint32_t own = feedbackSsrc();
    builder.addReceiverReport(own);
    builder.addNack(own, ssrc, std::span(missing).first(count));
    wire_->sendRtcp(builder.bytes());
  }
}

void Peer::sendKeyFrameRequests(int64_t nowUs) {
  for (const auto& receiver : askers_) sendKeyFrameRequests(*receiver, nowUs);
}

void Peer::sendKeyFrameRequests(ReceiverStream& receiver, int64_t nowUs) {
  while (const auto ssrc = receiver.takeKeyFrameRequest(nowUs)) {
    std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
    RtcpBuilder builder(buffer);
    const uint32_t own = feedbackSsrc();
    builder.addReceiverReport(own);
    builder.addPictureLoss(own, *ssrc);
    wire_->sendRtcp(builder.bytes());
  }
}

void Peer::sendMaximumBitRate() {
  uint64_t bitRate = 0;
  {
    std::lock_guard lock(mutex_);
    for (const auto& receiver : receivers_) bitRate += receiver->options().maximumBitRate;
  }
  if (bitRate == 0) return;
  std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
  RtcpBuilder builder(buffer);
  const uint32_t own = feedbackSsrc();
  builder.addReceiverReport(own);
  builder.addMaximumBitRate(own, bitRate);
  wire_->sendRtcp(builder.bytes());
}

void Peer::sendTransportFeedback(int64_t nowUs) {
  if (nowUs < nextFeedbackUs_) return;
  nextFeedbackUs_ = nowUs + kFeedbackIntervalUs;
  if (wire_->extensionIds().transportSequenceNumber == 0) return;
  const uint32_t own = feedbackSsrc();
  while (true) {
    std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
    RtcpBuilder builder(buffer);
    builder.addReceiverReport(own);
    if (!builder.addTransportFeedback(own, arrivals_)) return;
    ++feedbacksSent_;
    wire_->sendRtcp(builder.bytes());
  }
}

void Peer::sendReports(int64_t nowUs) {
  std::vector<ReportBlock> blocks;
  std::vector<std::shared_ptr<SenderStream>> senders;
  std::vector<Forwarding> forwardings;
  {
    std::lock_guard lock(mutex_);
    for (const auto& receiver : receivers_) receiver->appendReportBlocks(blocks, nowUs);
    senders = senders_;
    forwardings = forwardings_;
  }
  // More than fit one report follow in packets of their own (RFC 3550, section 6.1).
  std::span<const ReportBlock> left(blocks);
  const auto takeBlocks = [&left] {
    const auto taken = left.first(std::min(left.size(), kMaximumBlocks));
    left = left.subspan(taken.size());
    return taken;
  };
  bool reported = false;
  const auto report = [&](uint32_t ssrc, const std::string& cname, const SenderInfo& info) {
    std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
    RtcpBuilder builder(buffer);
    builder.addSenderReport(ssrc, info, takeBlocks());
    builder.addCname(ssrc, cname);
    reported = true;
    wire_->sendRtcp(builder.bytes());
  };
  SenderInfo info;
  const int64_t unixUs = nowUs + unixOffsetUs_;
  for (const auto& sender : senders)
    if (sender->senderInfo(nowUs, unixUs, info)) report(sender->ssrc(), sender->options().cname, info);
  for (const auto& forwarding : forwardings)
    if (forwarding.stream->senderInfo(nowUs, unixUs, info))
      report(forwarding.stream->ssrc(), forwarding.stream->options().cname, info);
  // With nothing to say of anyone the report still says that the line is alive (RFC 3550, section 6.4.2).
  while (!reported || !left.empty()) {
    std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
    RtcpBuilder builder(buffer);
    const uint32_t own = feedbackSsrc();
    builder.addReceiverReport(own, takeBlocks());
    builder.addCname(own, "troupe");
    reported = true;
    wire_->sendRtcp(builder.bytes());
  }
}

void Peer::sendBye(uint32_t ssrc, const std::string& cname) {
  if (!wire_->isWritable()) return;
  std::array<uint8_t, kMaximumRtpPacketBytes> buffer;
  RtcpBuilder builder(buffer);
  builder.addReceiverReport(ssrc);
  builder.addCname(ssrc, cname);
  builder.addBye(ssrc);
  wire_->sendRtcp(builder.bytes());
}

void Peer::requestKeyFrame(ReceiverStream& receiver, std::optional<uint32_t> ssrc, int64_t nowUs) {
  receiver.wantKeyFrame(ssrc);
  if (wire_->isWritable()) sendKeyFrameRequests(receiver, nowUs);
}

uint32_t Peer::feedbackSsrc() const {
  std::lock_guard lock(mutex_);
  return senders_.empty() ? ownSsrc_ : senders_.front()->ssrc();
}

}  // namespace troupe
