// The part of Transport that tells of itself.
#include <array>

#include "Transport.hpp"

namespace troupe::transport {

namespace {

/** As IANA's registry of DTLS-SRTP has it; OpenSSL's names leave a part out. */
std::string registeredProfile(const std::string& profile) {
  return profile == "SRTP_AES128_CM_SHA1_80" ? "SRTP_AES128_CM_HMAC_SHA1_80" : profile;
}

Traffic operator-(const Traffic& all, const Traffic& part) {
  return {all.bytesSent - part.bytesSent,
          all.bytesReceived - part.bytesReceived,
          all.packetsSent - part.packetsSent,
          all.packetsReceived - part.packetsReceived,
          all.packetsDiscardedOnSend - part.packetsDiscardedOnSend,
          all.bytesDiscardedOnSend - part.bytesDiscardedOnSend};
}

}  // namespace

TransportStats Transport::stats() const {
  TransportStats stats;
  stats.state = state_;
  stats.traffic = traffic();
  stats.pairTraffic = stats.traffic - earlierPairs_;
  stats.selectedCandidatePairChanges = selectedPairChanges_;
  stats.sinceLastPacketMs = sinceMs(lastPacketUs_);
  stats.sinceLastSentPacketMs = sinceMs(lastSentUs_);
  fillDtls(stats);
  fillIce(stats);
  if (channels_) {
    stats.channels = channels_->stats();
    stats.dataChannelsOpened = channels_->opened();
    stats.dataChannelsClosed = channels_->closed();
  }
  stats.drops = drops_.byName();
  return stats;
}

Traffic Transport::traffic() const {
  return {bytesSent_, bytesReceived_, packetsSent_, packetsReceived_, packetsDiscarded_, bytesDiscarded_};
}

void Transport::fillDtls(TransportStats& stats) const {
  static constexpr std::array kStates = {"new", "connecting", "connected", "closed", "failed"};
  stats.dtlsState = dtls_ ? kStates[static_cast<size_t>(dtls_->state())] : "closed";
  stats.dtlsRole = "unknown";
  stats.srtpCipher = registeredProfile(srtpProfile_);
  if (!dtls_) return;
  stats.localCertificate = describeCertificate(dtls_->certificate().x509());
  if (dtls_->state() != DtlsEndpoint::State::connected) return;
  stats.dtlsRole = dtls_->isClient() ? "client" : "server";
  stats.dtlsCipher = dtls_->cipher();
  stats.tlsVersion = dtls_->version();
  stats.remoteCertificate = dtls_->remoteCertificate();
}

void Transport::fillIce(TransportStats& stats) const {
  static constexpr std::array kStates = {"new", "checking", "connected", "disconnected", "failed"};
  stats.iceState = state_ == TransportState::closed ? "closed" : kStates[static_cast<size_t>(iceState_)];
  // An agent that has closed tells nothing any more.
  if (!dtls_) return;
  const IceAgent& agent = ice_.agent();
  stats.iceRole = agent.isControlling() ? "controlling" : "controlled";
  stats.iceLocalUsernameFragment = agent.localUfrag();
  stats.iceRemoteUsernameFragment = agent.remoteUfrag();
  stats.pairChecks = agent.pairChecks();
  const IceAgent::SelectedPair pair = agent.selectedPair();
  stats.localCandidate = pair.local;
  stats.remoteCandidate = pair.remote;
  stats.localCandidateUfrag = pair.localUfrag;
  stats.remoteCandidateUfrag = pair.remoteUfrag;
  stats.localCandidates = agent.localCandidateStats();
  stats.remoteCandidates = agent.remoteCandidateStats();
}

int64_t Transport::sinceMs(int64_t timeUs) { return timeUs < 0 ? -1 : (g_get_monotonic_time() - timeUs) / 1000; }

}  // namespace troupe::transport
