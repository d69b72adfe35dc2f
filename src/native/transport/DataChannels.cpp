#include "DataChannels.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <stdexcept>

namespace troupe::transport {

namespace {

// Payload protocol identifiers (RFC 8831, section 8).
constexpr uint32_t kDcep = 50;
constexpr uint32_t kText = 51;
constexpr uint32_t kBinary = 53;
constexpr uint32_t kEmptyText = 56;
constexpr uint32_t kEmptyBinary = 57;

// What both sides together may have open at once.
constexpr size_t kMaximumChannels = 256;
constexpr size_t kMaximumTextBytes = 65535;

std::string beyondStreams(int id, uint16_t streams) {
  return "Expected an id below " + std::to_string(streams) + " for a channel but received " + std::to_string(id);
}

}  // namespace

uint32_t nextHandle() {
  static std::atomic<uint32_t> last{0};
  return ++last;
}

DataChannels::DataChannels(IoThread& thread, Drops& drops, ChannelListener& listener, Send send)
    : thread_(thread), drops_(drops), listener_(listener), send_(std::move(send)) {}

DataChannels::~DataChannels() = default;

void DataChannels::start(bool isDtlsClient, uint16_t remotePort, size_t remoteMaximumMessageBytes) {
  if (association_ || isEnded_) return;
  isDtlsClient_ = isDtlsClient;
  remoteMaximumMessageBytes_ = std::min(remoteMaximumMessageBytes, kMaximumMessageBytes);
  for (auto& [handle, channel] : channels_) channel.gauge->setMaximumMessageBytes(remoteMaximumMessageBytes_);
  try {
    association_ = std::make_unique<SctpAssociation>(thread_, kSctpPort, remotePort, static_cast<SctpListener&>(*this));
    association_->setReading(isReading_);
  } catch (const std::runtime_error&) {
    isEnded_ = true;
    closeAll();
  }
}

void DataChannels::stop() {
  association_.reset();
  isConnected_ = false;
  isEnded_ = true;
  closeAll();
}

void DataChannels::receive(const uint8_t* data, size_t size) {
  if (association_) association_->receive(data, size);
}

void DataChannels::setReading(bool isReading) {
  isReading_ = isReading;
  if (association_) association_->setReading(isReading);
}

void DataChannels::probe() {
  if (association_) association_->probe();
}

void DataChannels::open(uint32_t handle, const std::string& label, const ChannelOptions& options,
                        std::shared_ptr<ChannelGauge> gauge) {
  if (options.id >= streams_) throw InvalidParameters(beyondStreams(options.id, streams_));
  if (options.id >= 0 && byStream(static_cast<uint16_t>(options.id))) {
    throw InvalidParameters("Expected an id that no other channel has");
  }
  if (options.maxRetransmits >= 0 && options.maxPacketLifeTimeMs >= 0) {
    throw InvalidParameters("Expected maxRetransmits or maxPacketLifeTime, not both");
  }
  if (label.size() > kMaximumTextBytes || options.protocol.size() > kMaximumTextBytes) {
    throw InvalidParameters("Expected at most 65535 bytes for label and protocol");
  }
  if (channels_.size() >= kMaximumChannels) throw InvalidParameters("Expected at most 256 data channels");
  Channel channel;
  channel.handle = handle;
  channel.label = label;
  channel.options = options;
  channel.gauge = std::move(gauge);
  channel.gauge->setMaximumMessageBytes(remoteMaximumMessageBytes_);
  if (isEnded_) return reportClosed(channel);
  if (isConnected_) {
    if (const std::string reason = assignId(channel); !reason.empty()) throw InvalidParameters(reason);
  }
  Channel& kept = channels_[handle] = std::move(channel);
  if (isConnected_) announce(kept);
}

void DataChannels::announce(Channel& channel) {
  if (!channel.isAnnounced) {
    setOpen(channel);
    listener_.onChannelOpen(channel.handle);
    return;
  }
  enqueue(channel, kDcep, writeDcepOpen({channel.label, channel.options}), 0);
}

std::string DataChannels::assignId(Channel& channel) {
  if (channel.options.id >= streams_) return beyondStreams(channel.options.id, streams_);
  if (channel.options.id >= 0) return "";
  for (int id = isDtlsClient_ ? 0 : 1; id < streams_; id += 2) {
    if (byStream(static_cast<uint16_t>(id))) continue;
    channel.options.id = id;
    channel.isAnnounced = true;
    return "";
  }
  return "Expected a stream that no channel has: there are " + std::to_string(streams_) +
         ", and each side opens channels on every other one";
}

void DataChannels::send(uint32_t handle, std::vector<uint8_t> data, bool isBinary) {
  Channel* channel = byHandle(handle);
  if (!channel || channel->state != State::open) return;
  const size_t reserved = data.size();
  uint32_t protocolId = isBinary ? kBinary : kText;
  if (data.empty()) {
    // SCTP has no empty messages: one byte stands for it (RFC 8831, section 6.6).
    protocolId = isBinary ? kEmptyBinary : kEmptyText;
    data.push_back(0);
  }
  enqueue(*channel, protocolId, std::move(data), reserved);
}

void DataChannels::enqueue(Channel& channel, uint32_t protocolId, std::vector<uint8_t> data, size_t reserved) {
  ++channel.queued;
  queue_.push_back({channel.handle, protocolId, std::move(data), reserved});
  flush();
}

void DataChannels::flush() {
  if (isFlushing_ || !association_ || !isConnected_) return;
  isFlushing_ = true;
  static const ChannelOptions kReliable;
  while (!queue_.empty()) {
    Outgoing& next = queue_.front();
    Channel* channel = byHandle(next.channel);
    if (channel && !channel->isResetRequested) {
      // DCEP itself is always reliable and ordered (RFC 8832, section 6).
      const ChannelOptions& options = next.protocolId == kDcep ? kReliable : channel->options;
      const auto result = association_->send(static_cast<uint16_t>(channel->options.id), next.protocolId,
                                             next.data.data(), next.data.size(), options);
      if (result == SctpAssociation::SendResult::full) break;
      if (result == SctpAssociation::SendResult::failed) drops_.count(Drop::sendFailed);
      --channel->queued;
      if (next.protocolId != kDcep) {
        ++channel->messagesSent;
        channel->bytesSent += next.reserved;
      }
      if (channel->gauge->release(next.reserved)) listener_.onChannelLow(channel->handle);
      if (channel->state == State::closing) resetWhenFlushed(*channel);
    }
    queue_.pop_front();
  }
  isFlushing_ = false;
}

void DataChannels::close(uint32_t handle) {
  Channel* channel = byHandle(handle);
  if (!channel || channel->state == State::closing) return;
  if (!isConnected_) {
    reportClosed(*channel);
    channels_.erase(handle);
    return;
  }
  channel->state = State::closing;
  resetWhenFlushed(*channel);
}

void DataChannels::resetWhenFlushed(Channel& channel) {
  if (channel.queued == 0 && !channel.isResetRequested) requestReset(channel);
}

bool DataChannels::requestReset(Channel& channel) {
  channel.isResetRequested = true;
  if (association_->resetStream(static_cast<uint16_t>(channel.options.id))) return true;
  // The far side knows no resets: there is nothing to wait for.
  reportClosed(channel);
  channels_.erase(channel.handle);
  return false;
}

void DataChannels::onSctpConnected(uint16_t streams) {
  isConnected_ = true;
  streams_ = std::min(streams, SctpAssociation::kStreams);
  std::vector<uint32_t> waiting;
  for (const auto& [handle, channel] : channels_) waiting.push_back(handle);
  for (const uint32_t handle : waiting) {
    Channel* channel = byHandle(handle);
    if (!channel) continue;
    const std::string reason = assignId(*channel);
    if (reason.empty()) {
      announce(*channel);
    } else {
      reportClosed(*channel, reason);
      channels_.erase(handle);
    }
  }
}

void DataChannels::onSctpMessage(uint16_t stream, uint32_t protocolId, std::vector<uint8_t> data) {
  if (protocolId == kDcep) return onDcep(stream, data);
  Channel* channel = byStream(stream);
  const bool isBinary = protocolId == kBinary || protocolId == kEmptyBinary;
  const bool isKnown = isBinary || protocolId == kText || protocolId == kEmptyText;
  if (!channel || !isKnown || channel->isClosedReported) {
    drops_.count(Drop::sctpMessage);
    return;
  }
  if (protocolId == kEmptyText || protocolId == kEmptyBinary) data.clear();
  ++channel->messagesReceived;
  channel->bytesReceived += data.size();
  if (channel->state == State::connecting) {
    // The far side's ACK may come behind its first unordered message.
    setOpen(*channel);
    listener_.onChannelOpen(channel->handle);
  }
  listener_.onChannelMessage(channel->handle, std::move(data), isBinary);
}

void DataChannels::onDcep(uint16_t stream, const std::vector<uint8_t>& message) {
  Channel* channel = byStream(stream);
  if (isDcepAck(message)) {
    if (!channel || channel->state != State::connecting) return;
    setOpen(*channel);
    return listener_.onChannelOpen(channel->handle);
  }
  const std::optional<DcepOpen> open = readDcepOpen(message);
  if (open && channel && channel->isIncomingReset) {
    // The far side has both resets and uses the stream again; only its word on ours was lost.
    replaceEnded(*channel);
    channel = nullptr;
  }
  if (!open || channel || channels_.size() >= kMaximumChannels) {
    drops_.count(Drop::sctpMessage);
    if (open && !channel) association_->resetStream(stream);
    return;
  }
  acceptChannel(stream, *open);
}

void DataChannels::replaceEnded(Channel& channel) {
  pendingResets_.insert(static_cast<uint16_t>(channel.options.id));
  reportClosed(channel);
  channels_.erase(channel.handle);
}

void DataChannels::acceptChannel(uint16_t stream, const DcepOpen& open) {
  const uint32_t handle = nextHandle();
  Channel& channel = channels_[handle];
  channel.handle = handle;
  channel.label = open.label;
  channel.options = open.options;
  channel.options.id = stream;
  setOpen(channel);
  channel.gauge = std::make_shared<ChannelGauge>();
  channel.gauge->setMaximumMessageBytes(remoteMaximumMessageBytes_);
  enqueue(channel, kDcep, writeDcepAck(), 0);
  listener_.onChannel(handle, channel.label, channel.options, channel.gauge);
}

void DataChannels::onSctpOversized(uint16_t stream) {
  drops_.count(Drop::oversized);
  if (Channel* channel = byStream(stream)) close(channel->handle);
}

void DataChannels::onSctpStreamReset(uint16_t stream, bool isIncoming) {
  Channel* channel = byStream(stream);
  if (!isIncoming && pendingResets_.erase(stream) > 0) {
    // Until now the stream could not be reset for what has it since.
    if (channel && channel->isResetRequested) requestReset(*channel);
    return;
  }
  if (!channel) return;
  (isIncoming ? channel->isIncomingReset : channel->isOutgoingReset) = true;
  if (isIncoming && !channel->isResetRequested) {
    // What we still had to say does not reach anybody any more.
    channel->state = State::closing;
    reportClosed(*channel);
    if (!requestReset(*channel)) return;
  }
  if (!channel->isIncomingReset || !channel->isOutgoingReset) return;
  reportClosed(*channel);
  channels_.erase(channel->handle);
}

void DataChannels::onSctpClosed() {
  isConnected_ = false;
  isEnded_ = true;
  closeAll();
}

void DataChannels::closeAll() {
  queue_.clear();
  std::map<uint32_t, Channel> channels;
  channels.swap(channels_);
  for (auto& [handle, channel] : channels) reportClosed(channel);
}

void DataChannels::setOpen(Channel& channel) {
  channel.state = State::open;
  channel.wasOpen = true;
  ++opened_;
}

void DataChannels::reportClosed(Channel& channel, const std::string& reason) {
  if (channel.isClosedReported) return;
  channel.isClosedReported = true;
  if (channel.wasOpen) ++closed_;
  listener_.onChannelClosed(channel.handle, reason);
}

DataChannels::Channel* DataChannels::byHandle(uint32_t handle) {
  const auto found = channels_.find(handle);
  return found == channels_.end() ? nullptr : &found->second;
}

DataChannels::Channel* DataChannels::byStream(uint16_t stream) {
  for (auto& [handle, channel] : channels_) {
    if (channel.options.id == stream) return &channel;
  }
  return nullptr;
}

std::vector<ChannelStats> DataChannels::stats() const {
  static constexpr std::array kStates = {"connecting", "open", "closing"};
  std::vector<ChannelStats> all;
  for (const auto& [handle, channel] : channels_) {
    all.push_back({handle, channel.label, channel.options.protocol, channel.options.id, kStates[static_cast<size_t>(channel.state)],
                   channel.messagesSent, channel.messagesReceived, channel.bytesSent, channel.bytesReceived,
                   channel.gauge->buffered()});
  }
  return all;
}

}  // namespace troupe::transport
