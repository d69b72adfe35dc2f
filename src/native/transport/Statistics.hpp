#pragma once
// What a transport tells of itself; names and meanings are those of https://www.w3.org/TR/webrtc-stats/ where it has
// them.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "Types.hpp"

namespace troupe::transport {

struct ChannelStats {
  uint32_t channel = 0;
  std::string label;
  std::string protocol;
  int id = -1;
  std::string state;
  uint64_t messagesSent = 0;
  uint64_t messagesReceived = 0;
  uint64_t bytesSent = 0;
  uint64_t bytesReceived = 0;
  size_t bufferedAmount = 0;
};

struct CandidateStats {
  /** `candidate:...` */
  std::string candidate;
  /** Of the STUN or TURN server that it was had from; empty for others. */
  std::string url;
  /** How the TURN server is reached: `udp`, `tcp` or `tls`; empty for others. */
  std::string relayProtocol;
};

struct CertificateStats {
  /** Upper-case hexadecimal with colons; empty where there is no certificate. */
  std::string fingerprint;
  std::string fingerprintAlgorithm;
  /** DER. */
  std::string base64Certificate;
};

struct Traffic {
  uint64_t bytesSent = 0;
  uint64_t bytesReceived = 0;
  uint64_t packetsSent = 0;
  uint64_t packetsReceived = 0;
  uint64_t packetsDiscardedOnSend = 0;
  uint64_t bytesDiscardedOnSend = 0;
};

/** Of the selected pair, by the Binding requests that measure it; libnice's own come besides and are not counted. */
struct PairChecks {
  uint64_t consentRequestsSent = 0;
  uint64_t responsesReceived = 0;
  int64_t totalRoundTripUs = 0;
  /** Of the last answer; -1 before the first. */
  int64_t currentRoundTripUs = -1;
};

struct TransportStats {
  TransportState state = TransportState::fresh;
  std::string iceState;
  /** `controlling` or `controlled`. */
  std::string iceRole;
  std::string iceLocalUsernameFragment;
  std::string iceRemoteUsernameFragment;
  std::string dtlsState;
  std::string dtlsRole;
  std::string srtpCipher;
  std::string dtlsCipher;
  std::string tlsVersion;
  CertificateStats localCertificate;
  CertificateStats remoteCertificate;
  Traffic traffic;
  /** Since the selected pair is the one that it is. */
  Traffic pairTraffic;
  PairChecks pairChecks;
  uint32_t selectedCandidatePairChanges = 0;
  int64_t sinceLastPacketMs = -1;
  int64_t sinceLastSentPacketMs = -1;
  /** Of the selected pair; empty without one. */
  std::string localCandidate;
  std::string remoteCandidate;
  /** Of the credentials that the pair was found with; a restart of ICE has others from its start. */
  std::string localCandidateUfrag;
  std::string remoteCandidateUfrag;
  std::vector<CandidateStats> localCandidates;
  std::vector<CandidateStats> remoteCandidates;
  std::map<std::string, uint64_t> drops;
  std::vector<ChannelStats> channels;
  uint32_t dataChannelsOpened = 0;
  uint32_t dataChannelsClosed = 0;
};

}  // namespace troupe::transport
