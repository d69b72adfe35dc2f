#pragma once

#include <nice/agent.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "DirectPath.hpp"
#include "IoThread.hpp"
#include "IceServerUrl.hpp"
#include "IoTimer.hpp"
#include "RoundTripMeter.hpp"
#include "Statistics.hpp"
#include "TlsBridge.hpp"
#include "Types.hpp"

namespace troupe::transport {

/** `interrupted`: the path died, and is looked for or about to be replaced by a restart. */
enum class IceState { fresh, checking, connected, interrupted, failed };

/** What an ICE agent reports, on the I/O thread. */
class IceListener {
 public:
  virtual ~IceListener() = default;
  virtual void onLocalCandidate(const std::string& candidate) = 0;
  virtual void onGathered() = 0;
  virtual void onIceState(IceState state) = 0;
  /** Another pair of candidates than before, or the first, is sent by. */
  virtual void onSelectedPair() = 0;
  /** The listener may write into `data` until it returns. */
  virtual void onDatagram(uint8_t* data, size_t size) = 0;
  /** A relay's TLS was not to be had or not believed. */
  virtual void onRelayTlsFailed() = 0;
};

/** ICE (RFC 8445) for one component, over UDP and, where that is wanted, TCP (RFC 6544), by libnice. All on the I/O thread but `send`. */
class IceAgent {
 public:
  /** Throws InvalidParameters for options that are not usable. */
  IceAgent(IoThread& thread, const TransportOptions& options, IceListener& listener);
  /** From any thread, after close(). */
  ~IceAgent() = default;
  IceAgent(const IceAgent&) = delete;
  IceAgent& operator=(const IceAgent&) = delete;

  std::string localUfrag() const { return ufrag_; }
  std::string localPassword() const { return password_; }
  std::vector<std::string> localCandidates() const;

  /** Host candidates are known when it returns; it throws when no socket could be had. */
  void gather();
  void setRemoteCredentials(const std::string& ufrag, const std::string& password);
  /** False for a candidate of a form that is not taken here. */
  bool addRemoteCandidate(const std::string& candidate);
  /** No more remote candidates: from now on a failure is final. */
  void endRemoteCandidates();
  void setControlling(bool controlling);
  /**
   * Starts anew on the same sockets; the selected pair carries on until there is a new one. Ufrag and password change
   * unless they are to be kept, as for an answer that alone restarts.
   */
  void restart(bool keepsCredentials = false);

  /** Frees the sockets and the library's agent; from then on `send` gives false. Nothing is reported any more. */
  void close();

  /** From any thread. False when nothing was sent. */
  bool send(const uint8_t* data, size_t size, int dscp);

  struct SelectedPair {
    std::string local;
    std::string remote;
    /** Of the credentials that it was found with. */
    std::string localUfrag;
    std::string remoteUfrag;
    bool operator==(const SelectedPair&) const = default;
  };
  SelectedPair selectedPair() const;
  /** Since the selected pair is the one that it is; all 0 for one over a relay or TCP, where the library reads alone. */
  const PairChecks& pairChecks() const { return roundTrip_.checks(); }
  /** The role of now: a conflict of roles changes it. */
  bool isControlling() const;
  const std::string& remoteUfrag() const { return remoteUfrag_; }
  std::vector<CandidateStats> localCandidateStats() const;
  std::vector<CandidateStats> remoteCandidateStats() const;

  /** The addresses of this machine that its sockets are on. */
  const std::vector<std::string>& addresses() const { return addresses_; }
  /** Whether the selected pair's address is not among those that the machine has; false where that cannot be told. */
  bool isPathLost(const std::vector<std::string>& machineAddresses) const;

 private:
  /** A STUN or TURN server as libnice has it: one behind TLS stands on loopback for it. */
  struct Server {
    std::string url;
    std::string host;
    uint16_t port;
    IceServerUrl::Kind kind;
  };

  void setUp(const TransportOptions& options);
  void addServer(const IceServer& server, const std::string& url, const TlsTrust& trust);
  void addRelay(const IceServer& server, const std::string& host, uint16_t port, bool isTcp);
  void addLocalAddresses();
  void prepareSockets();
  SocketPoll::Read readSocket(int socket);
  void takeDirectPath();
  void leaveDirectPath();
  void measureRoundTrip();
  void readCredentials();
  std::string describe(NiceCandidate* candidate) const;
  std::string describeRemote(NiceCandidate* candidate) const;
  CandidateStats statsOf(NiceCandidate* candidate) const;
  const Server* serverOf(const NiceCandidate* candidate) const;
  void onSelected(NiceCandidate* local, NiceCandidate* remote);
  bool checkCandidate(const std::string& candidate);
  void checkAnew();
  void lookForPath();
  void onSilence();
  bool mayFail() const;

  static void onNewCandidate(NiceAgent*, NiceCandidate* candidate, gpointer self);
  static void onGatheringDone(NiceAgent*, guint stream, gpointer self);
  static void onComponentState(NiceAgent*, guint stream, guint component, guint state, gpointer self);
  static void onNewSelectedPair(NiceAgent*, guint stream, guint component, NiceCandidate* local, NiceCandidate* remote,
                                gpointer self);
  static void onReceived(NiceAgent*, guint stream, guint component, guint size, gchar* data, gpointer self);

  IoThread& thread_;
  IceListener& listener_;
  NiceAgent* agent_;
  const std::vector<std::string> addresses_;
  const std::map<std::string, std::string> externalAddresses_;
  const bool iceTcp_;
  std::vector<std::unique_ptr<TlsBridge>> bridges_;
  std::vector<Server> servers_;
  /** Of the sockets alone, so that only those of an agent with something to read are looked at; null with relays or TCP. */
  GMainContext* receiveContext_ = nullptr;
  std::vector<int> watchedSockets_;
  DirectPath path_;
  guint stream_ = 0;
  std::string ufrag_;
  std::string password_;
  std::string remoteUfrag_;
  std::string remotePassword_;
  /** Those taken since the last restart. */
  std::vector<std::string> remoteCandidates_;
  /** From a restart of this side until the far side's new credentials are known. */
  bool hasRestarted_ = false;
  bool hasHadPath_ = false;
  /** As it was selected. */
  SelectedPair selected_;
  /** When the checks began that run now, or something came last, whichever is later. */
  int64_t lastSignUs_ = 0;
  IoTimer silence_;
  RoundTripMeter roundTrip_;
  IoTimer roundTripTimer_;
  /** What the sockets put on what they send now, by the code points of RFC 2474. */
  int dscp_ = 0;
  /** Also guards agent_ and path_ against their end, and dscp_. */
  std::mutex sendMutex_;
};

}  // namespace troupe::transport
