#include "Transport.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "Certificate.hpp"
#include "RemoteParameters.hpp"

namespace troupe::transport {

namespace {

constexpr int64_t kConnectDeadlineMs = 30'000;
// Consent lasts 30 s (RFC 7675, section 5.1), of which libnice has waited 10 s for an answer.
constexpr int64_t kConsentDeadlineMs = 20'000;
// TCP waits for minutes for a server that does not answer.
constexpr int64_t kRelayDeadlineMs = 10'000;
constexpr size_t kMaximumPacketBytes = 1500;
constexpr size_t kMaximumEarlyPackets = 32;
constexpr size_t kMaximumEarlyCandidates = 64;
constexpr size_t kMaximumUntakenBytes = 2 * 1024 * 1024;

bool isNotLoopback(const std::string& address) { return !address.starts_with("127.") && address != "::1"; }

}  // namespace

Transport::Transport(IoThread& thread, const TransportOptions& options, TransportListener& listener)
    : thread_(thread),
      listener_(&listener),
      controlling_(options.controlling),
      dscp_(options.dscp),
      relayOnly_(options.relayOnly),
      ice_(thread, options, *this),
      dtls_(std::make_unique<DtlsEndpoint>(thread, options.certificate ? options.certificate : Certificate::ofProcess(),
                                           static_cast<DtlsListener&>(*this))),
      channels_(std::make_unique<DataChannels>(thread, drops_, static_cast<ChannelListener&>(*this),
                                               [this](const uint8_t* data, size_t size) {
                                                 if (dtls_) dtls_->send(data, size);
                                               })),
      deadline_(std::make_unique<IoTimer>(thread, [this] { onConnectDeadline(); })),
      relayDeadline_(std::make_unique<IoTimer>(thread, [this] { failWithoutRelay(); })) {}

TransportParameters Transport::localParameters() {
  gather();
  TransportParameters local;
  local.iceUfrag = ice_.localUfrag();
  local.icePwd = ice_.localPassword();
  // An offerer leaves the choice open in every offer (RFC 8829, section 5.2.2).
  if (controlling_) {
    local.setup = Setup::actpass;
  } else {
    local.setup = remoteKnown_ && remote_.setup == Setup::active ? Setup::passive : Setup::active;
  }
  local.fingerprintAlgorithm = "sha-256";
  if (dtls_) local.fingerprint = dtls_->certificate().fingerprint();
  if (state_ != TransportState::closed) local.candidates = ice_.localCandidates();
  local.maxMessageSize = kMaximumMessageBytes;
  local.sctpPort = kSctpPort;
  if (!std::exchange(localParametersTaken_, true) && gathered_) onAllGathered();
  return local;
}

void Transport::gather() {
  if (gatherStarted_ || state_ == TransportState::closed) return;
  ice_.gather();
  gatherStarted_ = true;
  if (relayOnly_) relayDeadline_->set(kRelayDeadlineMs);
  watchNetwork();
}

void Transport::watchNetwork() {
  knownAddresses_ = ice_.addresses();
  network_ = std::make_unique<NetworkWatch>([&thread = thread_, weak = weak_from_this()](bool isRoute) {
    thread.post([weak, isRoute] {
      if (const std::shared_ptr<Transport> transport = weak.lock()) transport->onNetworkChanged(isRoute);
    });
  });
}

void Transport::onNetworkChanged(bool isRoute) {
  if (!network_) return;
  std::vector<std::string> addresses = ice_.machineAddresses(AddressUse::open);
  const bool isLost = ice_.isPathLost();
  if (isPathLost_ && !isLost) {
    // The address came back, and with it the path, of which ICE may not have noticed anything.
    isPathLost_ = false;
    if (ice_.pathState() == IceState::connected) onIceState(IceState::connected);
  }
  if (addresses == knownAddresses_ && !isRoute) return;
  knownAddresses_ = std::move(addresses);
  const bool hasWayOut = std::any_of(knownAddresses_.begin(), knownAddresses_.end(), isNotLoopback);
  if (!hasWayOut) return;
  if (isLost && !isPathLost_ && state_ != TransportState::failed) {
    isPathLost_ = true;
    onIceState(IceState::interrupted);
  }
  if (listener_) listener_->onNetwork(isLost);
}

void Transport::setRemoteParameters(TransportParameters parameters) {
  if (state_ == TransportState::closed) return;
  checkRemoteParameters(parameters);
  const bool isOther = parameters.fingerprint != remote_.fingerprint ||
                       parameters.fingerprintAlgorithm != remote_.fingerprintAlgorithm;
  if (remoteKnown_ && isOther && dtls_->state() != DtlsEndpoint::State::fresh) {
    throw InvalidParameters("Expected the same fingerprint as before: a new DTLS association needs a new transport");
  }
  gather();
  applyRemoteIce(parameters);
  // The roles of a DTLS association stay for its life (RFC 8842, section 5.5).
  if (remoteKnown_) parameters.setup = remote_.setup;
  remote_ = std::move(parameters);
  remoteKnown_ = true;
  for (const std::string& candidate : remote_.candidates) addRemoteCandidate(candidate);
  std::vector<std::string> early;
  early.swap(earlyCandidates_);
  for (const std::string& candidate : early) addRemoteCandidate(candidate);
  startDtlsWhenReady();
  startChannelsWhenReady();
}

void Transport::applyRemoteIce(const TransportParameters& parameters) {
  const bool isSame = remoteKnown_ && parameters.iceUfrag == remote_.iceUfrag;
  if (isSame && !restartPending_) return;
  if (isSame) {
    // Only this side restarts: what is known of the far side holds for the new generation too.
    earlyCandidates_.insert(earlyCandidates_.begin(), trickledCandidates_.begin(), trickledCandidates_.end());
  } else if (remoteKnown_ && !restartPending_) {
    // An answerer's new credentials go out in its answer; an offerer has said its own in the offer already.
    controlling_ ? ice_.followRestart() : ice_.restart(IceRestart::sameSockets);
  }
  trickledCandidates_.clear();
  restartPending_ = false;
  // A full agent controls a lite one whoever offered (RFC 8445, section 6.1.1).
  if (parameters.iceLite) ice_.setControlling(true);
  ice_.setRemoteCredentials(parameters.iceUfrag, parameters.icePwd);
  deadline_->set(kConnectDeadlineMs);
  if (state_ != TransportState::connected) setState(TransportState::connecting, "");
}

bool Transport::addRemoteCandidate(const std::string& candidate) {
  if (state_ == TransportState::closed) return false;
  if (!remoteKnown_ || restartPending_) return holdCandidate(candidate);
  if (candidate.empty()) {
    ice_.endRemoteCandidates();
    return true;
  }
  if (!ice_.addRemoteCandidate(candidate)) {
    // A name that only its own network can resolve (RFC 8828); the far side is found by the checks that it sends.
    drops_.count(candidate.find(".local ") == std::string::npos ? Drop::candidate : Drop::mdnsCandidate);
    return false;
  }
  if (trickledCandidates_.size() < kMaximumEarlyCandidates) trickledCandidates_.push_back(candidate);
  return true;
}

bool Transport::holdCandidate(const std::string& candidate) {
  if (earlyCandidates_.size() >= kMaximumEarlyCandidates) {
    drops_.count(Drop::candidate);
    return false;
  }
  earlyCandidates_.push_back(candidate);
  return true;
}

void Transport::restartIce(IceRestart form) {
  if (state_ == TransportState::closed || !gatherStarted_) return;
  if (form == IceRestart::newSockets) {
    // As at the first time: what is known by then is in the next local parameters.
    const bool wasTaken = std::exchange(localParametersTaken_, false);
    const bool wasGathered = std::exchange(gathered_, false);
    try {
      ice_.restart(form);
      knownAddresses_ = ice_.addresses();
    } catch (const InvalidParameters&) {
      localParametersTaken_ = wasTaken;
      gathered_ = wasGathered;
      throw;
    }
  } else {
    ice_.restart(form);
  }
  restartPending_ = true;
  if (iceState_ != IceState::connected) deadline_->set(kConnectDeadlineMs);
}

void Transport::attach(std::shared_ptr<PacketReceiver> receiver) {
  if (receiver_) receiver_->setWritable(false);
  receiver_ = std::move(receiver);
  if (receiver_) receiver_->setWritable(writable_);
}

void Transport::close() {
  if (state_ == TransportState::closed && !dtls_) return;
  listener_ = nullptr;
  network_.reset();
  setWritable(false);
  receiver_.reset();
  state_ = TransportState::closed;
  // In this order: the association's ABORT goes out through DTLS.
  channels_.reset();
  if (dtls_) dtls_->close();
  dtls_.reset();
  deadline_.reset();
  relayDeadline_.reset();
  ice_.close();
  earlyPackets_.clear();
}

void Transport::startDtlsWhenReady() {
  if (!remoteKnown_ || iceState_ != IceState::connected || dtls_->state() != DtlsEndpoint::State::fresh) return;
  const bool isClient = remote_.setup != Setup::active;
  dtls_->start(isClient, remote_.fingerprintAlgorithm, remote_.fingerprint);
}

void Transport::startChannelsWhenReady() {
  if (remote_.maxMessageSize == 0 || dtls_->state() != DtlsEndpoint::State::connected) return;
  channels_->start(dtls_->isClient(), remote_.sctpPort, remote_.maxMessageSize);
}

void Transport::updateConnected() {
  if (iceState_ != IceState::connected || dtls_->state() != DtlsEndpoint::State::connected) return;
  if (!restartPending_ && !ice_.isMoving()) deadline_->cancel();
  if (srtp_) setWritable(true);
  setState(TransportState::connected, "");
}

void Transport::setState(TransportState state, const std::string& reason) {
  if (state_ == state || state_ == TransportState::closed) return;
  state_ = state;
  if (listener_) listener_->onState(state, reason);
}

void Transport::setWritable(bool writable) {
  if (writable_.exchange(writable) == writable) return;
  if (receiver_) receiver_->setWritable(writable);
}

void Transport::onConnectDeadline() {
  const bool hasPath = iceState_ == IceState::connected && !ice_.isMoving();
  if (hasPath && dtls_->state() == DtlsEndpoint::State::connected) return;
  setWritable(false);
  const bool isSecure = dtls_->state() == DtlsEndpoint::State::connected;
  const char* ice = isSecure ? "ICE lost the far side" : "ICE found no path in time";
  setState(TransportState::failed, hasPath ? "the DTLS handshake did not end in time" : ice);
}

bool Transport::sendRtp(const uint8_t* data, size_t size) {
  return sendProtected(data, size, &SrtpSession::protectRtp, dscp_.audio);
}

bool Transport::sendVideoRtp(const uint8_t* data, size_t size) {
  return sendProtected(data, size, &SrtpSession::protectRtp, dscp_.video);
}

bool Transport::sendRtcp(const uint8_t* data, size_t size) {
  return sendProtected(data, size, &SrtpSession::protectRtcp, dscp_.audio);
}

bool Transport::sendProtected(const uint8_t* data, size_t size, Protect protect, int dscp) {
  if (!writable_.load(std::memory_order_acquire)) {
    drops_.count(Drop::notWritable);
    return false;
  }
  if (size > kMaximumPacketBytes) {
    drops_.count(Drop::oversized);
    return false;
  }
  std::array<uint8_t, kMaximumPacketBytes + SrtpSession::kTrailerBytes> buffer;
  std::memcpy(buffer.data(), data, size);
  if (!(srtp_.get()->*protect)(buffer.data(), size)) {
    drops_.count(Drop::sendFailed);
    return false;
  }
  return sendDatagram(buffer.data(), size, dscp);
}

bool Transport::sendDatagram(const uint8_t* data, size_t size, int dscp) {
  if (!ice_.send(data, size, dscp)) {
    drops_.count(Drop::sendFailed);
    packetsDiscarded_.fetch_add(1, std::memory_order_relaxed);
    bytesDiscarded_.fetch_add(size, std::memory_order_relaxed);
    return false;
  }
  packetsSent_.fetch_add(1, std::memory_order_relaxed);
  bytesSent_.fetch_add(size, std::memory_order_relaxed);
  lastSentUs_.store(g_get_monotonic_time(), std::memory_order_relaxed);
  return true;
}

void Transport::onDatagram(uint8_t* data, size_t size) {
  const int64_t arrivalUs = g_get_monotonic_time();
  lastPacketUs_ = arrivalUs;
  ++packetsReceived_;
  bytesReceived_ += size;
  const PacketKind kind = classifyPacket(data, size);
  switch (kind) {
    case PacketKind::dtls:
      if (dtls_) dtls_->receive(data, size);
      break;
    case PacketKind::rtp:
    case PacketKind::rtcp:
      receiveProtected(data, size, kind, arrivalUs);
      break;
    case PacketKind::unknown:
      drops_.count(Drop::unknownPacket);
      break;
  }
}

void Transport::receiveProtected(uint8_t* data, size_t size, PacketKind kind, int64_t arrivalUs) {
  if (!srtp_) return holdEarlyPacket(data, size, kind, arrivalUs);
  const bool isRtp = kind == PacketKind::rtp;
  const Unprotect unprotect = isRtp ? &SrtpSession::unprotectRtp : &SrtpSession::unprotectRtcp;
  const UnprotectResult result = (srtp_.get()->*unprotect)(data, size);
  if (result != UnprotectResult::ok) {
    drops_.count(result == UnprotectResult::replay ? Drop::srtpReplay : Drop::srtpAuthentication);
    return;
  }
  if (!receiver_) return;
  if (isRtp) {
    receiver_->receiveRtp(data, size, arrivalUs);
  } else {
    receiver_->receiveRtcp(data, size, arrivalUs);
  }
}

void Transport::holdEarlyPacket(const uint8_t* data, size_t size, PacketKind kind, int64_t arrivalUs) {
  // The far side may send as soon as its handshake is done, ahead of the last flight that ends ours.
  if (earlyPackets_.size() >= kMaximumEarlyPackets || size > kMaximumPacketBytes) {
    drops_.count(Drop::beforeKeys);
    return;
  }
  earlyPackets_.push_back({{data, data + size}, kind, arrivalUs});
}

void Transport::onLocalCandidate(const std::string& candidate) {
  if (localParametersTaken_ && listener_) listener_->onCandidate(candidate);
}

void Transport::onGathered() {
  gathered_ = true;
  if (localParametersTaken_) onAllGathered();
}

void Transport::onAllGathered() {
  if (listener_) listener_->onGathered();
  if (relayOnly_) failWithoutRelay();
}

void Transport::failWithoutRelay() {
  const bool hasHadPath = dtls_ && dtls_->state() != DtlsEndpoint::State::fresh;
  if (hasHadPath || state_ == TransportState::closed || !ice_.localCandidates().empty()) return;
  // Nothing can come of it, and whoever waits would be told of a path that was not found in time.
  setState(TransportState::failed, "no TURN server gave a relay: none is reached, or none takes the credentials");
}

void Transport::onIceState(IceState state) {
  // The selected pair carries on while a restart checks new ones.
  if (iceState_ == IceState::connected && (state == IceState::checking || state == IceState::fresh)) return;
  const bool isUnanswered = restartPending_ && state == IceState::failed;
  if (isUnanswered) state = IceState::interrupted;
  const bool isNew = iceState_ != state;
  iceState_ = state;
  if (state == IceState::connected) isPathLost_ = false;
  if (state == IceState::interrupted) {
    setWritable(false);
    const bool isRestarting = restartPending_ || ice_.isMoving();
    if (isNew) deadline_->set(isRestarting ? kConnectDeadlineMs : kConsentDeadlineMs);
    setState(TransportState::disconnected, "ICE lost the path and looks for it");
    return;
  }
  if (state == IceState::failed) {
    setWritable(false);
    setState(TransportState::failed,
             dtls_->state() == DtlsEndpoint::State::connected ? "ICE lost the far side" : "ICE found no path");
    return;
  }
  startDtlsWhenReady();
  updateConnected();
}

void Transport::onSelectedPair() {
  ++selectedPairChanges_;
  earlierPairs_ = traffic();
}

bool Transport::sendDtls(const uint8_t* data, size_t size) { return sendDatagram(data, size, dscp_.data); }

void Transport::onDtlsConnected(const SrtpKeys& keys) {
  if (!keys.profile.empty()) {
    srtpProfile_ = keys.profile;
    try {
      srtp_ = std::make_unique<SrtpSession>(keys.profile, keys.local, keys.remote);
    } catch (const std::runtime_error& error) {
      return onDtlsFailed(error.what());
    }
  }
  updateConnected();
  startChannelsWhenReady();
  std::deque<EarlyPacket> early;
  early.swap(earlyPackets_);
  if (!srtp_) return;
  for (EarlyPacket& packet : early) {
    receiveProtected(packet.data.data(), packet.data.size(), packet.kind, packet.arrivalUs);
  }
}

void Transport::onDtlsData(const uint8_t* data, size_t size) { channels_->receive(data, size); }

void Transport::onDtlsClosed() {
  setWritable(false);
  channels_->stop();
  setState(TransportState::closed, "the far side closed the connection");
}

void Transport::onDtlsFailed(const std::string& reason) {
  setWritable(false);
  channels_->stop();
  setState(TransportState::failed, "DTLS failed: " + reason);
}

void Transport::openChannel(uint32_t channel, const std::string& label, const ChannelOptions& options,
                            std::shared_ptr<ChannelGauge> gauge) {
  if (channels_) channels_->open(channel, label, options, std::move(gauge));
}

void Transport::sendMessage(uint32_t channel, std::vector<uint8_t> data, bool isBinary) {
  if (channels_) channels_->send(channel, std::move(data), isBinary);
}

void Transport::closeChannel(uint32_t channel) {
  if (channels_) channels_->close(channel);
}

void Transport::probe() {
  if (channels_) channels_->probe();
}

void Transport::addUntaken(size_t messageBytes) {
  // A stalled reader stops the sender by SCTP's window; nothing is lost and nothing grows.
  if (untaken_.fetch_add(eventWeight(messageBytes)) > kMaximumUntakenBytes) channels_->setReading(false);
}

void Transport::eventTaken(size_t weight) {
  const size_t before = untaken_.fetch_sub(weight);
  constexpr size_t kResume = kMaximumUntakenBytes / 2;
  if (before <= kResume || before - weight > kResume) return;
  thread_.post([weak = weak_from_this()] {
    const std::shared_ptr<Transport> transport = weak.lock();
    if (transport && transport->channels_) transport->channels_->setReading(true);
  });
}

void Transport::onChannel(uint32_t channel, const std::string& label, const ChannelOptions& options,
                          std::shared_ptr<ChannelGauge> gauge) {
  addUntaken(0);
  if (listener_) listener_->onChannel(channel, label, options, std::move(gauge));
}

void Transport::onChannelOpen(uint32_t channel) {
  addUntaken(0);
  if (listener_) listener_->onChannelOpen(channel);
}

void Transport::onChannelMessage(uint32_t channel, std::vector<uint8_t> data, bool isBinary) {
  addUntaken(data.size());
  if (listener_) listener_->onMessage(channel, std::move(data), isBinary);
}

void Transport::onChannelLow(uint32_t channel) {
  addUntaken(0);
  if (listener_) listener_->onChannelLow(channel);
}

void Transport::onChannelClosed(uint32_t channel, const std::string& reason) {
  if (channels_) addUntaken(0);
  if (listener_) listener_->onChannelClosed(channel, reason);
}

}  // namespace troupe::transport
