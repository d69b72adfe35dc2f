#include "IceAgent.hpp"

#include <gio/gio.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "ConsentRevocation.hpp"
#include "IceServerUrl.hpp"
#include "LocalAddresses.hpp"

namespace troupe::transport {

namespace {

constexpr guint kComponent = 1;
constexpr size_t kMaximumCandidateBytes = 512;
constexpr size_t kMaximumRemoteCandidates = 64;
// Doubled at each retransmission of a check: a path that opens late is then asked about soon.
constexpr guint kFirstRetransmissionMs = 200;
// Checks grow rare as they stay unanswered. Where nothing at all came for so long they begin anew, which costs those
// that are on their way: no round trip may take longer.
constexpr int64_t kSilenceMs = 2'000;
constexpr size_t kMaximumDatagramBytes = 2048;
// So many of one socket before the others have their turn.
constexpr int kDatagramsPerTurn = 16;
// A window of SCTP comes in one burst; the usual default holds 90 datagrams. The kernel may allow less.
constexpr int kReceiveBufferBytes = 1024 * 1024;

bool hasRelays(const std::vector<IceServer>& servers) {
  return std::any_of(servers.begin(), servers.end(), [](const IceServer& server) {
    return std::any_of(server.urls.begin(), server.urls.end(), [](const std::string& url) { return url.starts_with("turn"); });
  });
}

/** The candidate's own ufrag (`... ufrag abcd`), which tells its generation; empty when it has none. */
std::string candidateUfrag(const std::string& candidate) {
  const size_t at = candidate.find(" ufrag ");
  if (at == std::string::npos) return "";
  const size_t begin = at + 7;
  return candidate.substr(begin, candidate.find(' ', begin) - begin);
}

/** What an agent needs until it has closed. */
struct Closing {
  IoThread& thread;
  std::vector<std::unique_ptr<TlsBridge>> bridges;
};

/** The candidate with another address in it. */
std::string withAddress(const std::string& candidate, const std::string& before, const std::string& after) {
  const std::string field = " " + before + " ";
  const size_t at = candidate.find(field);
  return at == std::string::npos ? candidate : candidate.substr(0, at + 1) + after + candidate.substr(at + field.size() - 1);
}

/** Of the peer-reflexive candidate that a check may find in the place of a local one (RFC 8445, section 7.1.1). */
uint32_t checkPriority(uint32_t localPriority) {
  constexpr uint32_t kPeerReflexivePreference = 110;
  return kPeerReflexivePreference << 24 | (localPriority & 0x00ff'ffff);
}

IceState stateOf(guint state) {
  switch (state) {
    case NICE_COMPONENT_STATE_CONNECTED:
    case NICE_COMPONENT_STATE_READY:
      return IceState::connected;
    case NICE_COMPONENT_STATE_FAILED:
      return IceState::failed;
    case NICE_COMPONENT_STATE_CONNECTING:
      return IceState::checking;
    default:
      return IceState::fresh;
  }
}

}  // namespace

IceAgent::IceAgent(IoThread& thread, const TransportOptions& options, IceListener& listener)
    : thread_(thread),
      listener_(listener),
      addresses_(listLocalAddresses(options.addresses, options.filter)),
      externalAddresses_(options.externalAddresses),
      iceTcp_(options.iceTcp),
      silence_(thread, [this] { onSilence(); }),
      roundTripTimer_(thread, [this] { measureRoundTrip(); }) {
  const int flags = NICE_AGENT_OPTION_ICE_TRICKLE | NICE_AGENT_OPTION_CONSENT_FRESHNESS;
  agent_ = nice_agent_new_full(thread.context(), NICE_COMPATIBILITY_RFC5245, static_cast<NiceAgentOption>(flags));
  g_object_set(agent_, "upnp", FALSE, "ice-tcp", iceTcp_ ? TRUE : FALSE, "controlling-mode", options.controlling ? TRUE : FALSE,
               "force-relay", options.relayOnly ? TRUE : FALSE, "stun-initial-timeout", kFirstRetransmissionMs, nullptr);
  try {
    setUp(options);
  } catch (...) {
    bridges_.clear();
    g_object_unref(agent_);
    throw;
  }
  readCredentials();
  g_signal_connect(agent_, "new-candidate-full", G_CALLBACK(onNewCandidate), this);
  g_signal_connect(agent_, "candidate-gathering-done", G_CALLBACK(onGatheringDone), this);
  g_signal_connect(agent_, "new-selected-pair-full", G_CALLBACK(onNewSelectedPair), this);
  g_signal_connect(agent_, "component-state-changed", G_CALLBACK(onComponentState), this);
  // Relays and TCP bring sockets of their own at any time: then the loop watches them itself.
  if (!hasRelays(options.iceServers) && !iceTcp_) receiveContext_ = g_main_context_new();
  nice_agent_attach_recv(agent_, stream_, kComponent, receiveContext_ ? receiveContext_ : thread.context(), onReceived,
                         this);
}

void IceAgent::setUp(const TransportOptions& options) {
  addLocalAddresses();
  stream_ = nice_agent_add_stream(agent_, kComponent);
  if (options.minimumPort > 0) {
    nice_agent_set_port_range(agent_, stream_, kComponent, options.minimumPort, options.maximumPort);
  }
  for (const IceServer& server : options.iceServers) {
    for (const std::string& url : server.urls) addServer(server, url, options.tls);
  }
}

void IceAgent::close() {
  if (!agent_) return;
  silence_.cancel();
  roundTripTimer_.cancel();
  g_signal_handlers_disconnect_by_data(agent_, this);
  for (const int socket : watchedSockets_) thread_.sockets().remove(socket);
  nice_agent_attach_recv(agent_, stream_, kComponent, receiveContext_ ? receiveContext_ : thread_.context(), nullptr,
                         nullptr);
  NiceAgent* agent;
  {
    std::lock_guard lock(sendMutex_);
    agent = agent_;
    agent_ = nullptr;
    path_.clear();
  }
  nice_agent_remove_stream(agent, stream_);
  if (receiveContext_) g_main_context_unref(receiveContext_);
  // Allocations are given back to the relays first, through the bridges.
  for (const auto& bridge : bridges_) bridge->silence();
  thread_.beginAsync();
  nice_agent_close_async(
      agent,
      [](GObject* closed, GAsyncResult*, gpointer data) {
        const std::unique_ptr<Closing> closing(static_cast<Closing*>(data));
        g_object_unref(closed);
        closing->thread.endAsync();
      },
      new Closing{thread_, std::move(bridges_)});
}

void IceAgent::addLocalAddresses() {
  for (const std::string& text : addresses_) {
    NiceAddress address;
    nice_address_init(&address);
    if (nice_address_set_from_string(&address, text.c_str())) nice_agent_add_local_address(agent_, &address);
  }
}

void IceAgent::addServer(const IceServer& server, const std::string& url, const TlsTrust& trust) {
  const std::optional<IceServerUrl> parsed = parseIceServerUrl(url);
  if (!parsed) return;
  servers_.push_back({url, parsed->host, parsed->port, parsed->kind});
  switch (parsed->kind) {
    case IceServerUrl::Kind::stun:
      g_object_set(agent_, "stun-server", parsed->host.c_str(), "stun-server-port", guint{parsed->port}, nullptr);
      break;
    case IceServerUrl::Kind::turnUdp:
    case IceServerUrl::Kind::turnTcp:
      addRelay(server, parsed->host, parsed->port, parsed->kind == IceServerUrl::Kind::turnTcp);
      break;
    case IceServerUrl::Kind::turnTls:
      bridges_.push_back(std::make_unique<TlsBridge>(thread_, parsed->host, parsed->port, trust,
                                                     [this] { listener_.onRelayTlsFailed(); }));
      servers_.back().host = "127.0.0.1";
      servers_.back().port = bridges_.back()->localPort();
      addRelay(server, servers_.back().host, servers_.back().port, true);
      break;
  }
}

void IceAgent::addRelay(const IceServer& server, const std::string& host, uint16_t port, bool isTcp) {
  nice_agent_set_relay_info(agent_, stream_, kComponent, host.c_str(), port, server.username.c_str(),
                            server.credential.c_str(), isTcp ? NICE_RELAY_TYPE_TURN_TCP : NICE_RELAY_TYPE_TURN_UDP);
}

void IceAgent::readCredentials() {
  gchar* ufrag = nullptr;
  gchar* password = nullptr;
  nice_agent_get_local_credentials(agent_, stream_, &ufrag, &password);
  ufrag_ = ufrag ? ufrag : "";
  password_ = password ? password : "";
  g_free(ufrag);
  g_free(password);
}

void IceAgent::gather() {
  // The library would take every address then.
  if (addresses_.empty()) throw InvalidParameters("No address of this machine is on the interfaces and in the ranges given");
  if (!nice_agent_gather_candidates(agent_, stream_)) {
    throw InvalidParameters("No UDP socket could be opened on the local addresses and ports given");
  }
  prepareSockets();
}

void IceAgent::prepareSockets() {
  GPtrArray* sockets = nice_agent_get_sockets(agent_, stream_, kComponent);
  if (!sockets) return;
  for (guint i = 0; i < sockets->len; ++i) {
    auto* socket = static_cast<GSocket*>(g_ptr_array_index(sockets, i));
    g_socket_set_option(socket, SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes, nullptr);
    if (g_socket_get_socket_type(socket) == G_SOCKET_TYPE_DATAGRAM) dropConsentRevocations(g_socket_get_fd(socket));
    if (!receiveContext_) continue;
    watchedSockets_.push_back(g_socket_get_fd(socket));
    thread_.sockets().add(watchedSockets_.back(), [this, descriptor = watchedSockets_.back()] { return readSocket(descriptor); });
  }
  g_ptr_array_unref(sockets);
}

SocketPoll::Read IceAgent::readSocket(int socket) {
  lastSignUs_ = g_get_monotonic_time();
  // One per I/O thread: nothing here runs inside itself.
  static thread_local std::array<uint8_t, kMaximumDatagramBytes> buffer;
  SocketPoll::Read read = SocketPoll::Read::nothing;
  for (int count = 0; path_.isSocket(socket); ++count) {
    if (count == kDatagramsPerTurn) return read;
    size_t size = 0;
    const DirectPath::Next next = path_.receive(buffer, size);
    if (next == DirectPath::Next::nothing) return read;
    if (next == DirectPath::Next::other) break;
    if (next == DirectPath::Next::stun) {
      if (!roundTrip_.takeAnswer({buffer.data(), size}, lastSignUs_)) break;
      path_.takeNext();
    } else {
      listener_.onDatagram(buffer.data(), size);
      // It may have been the far side's last word.
      if (!agent_) return SocketPoll::Read::other;
    }
    if (next == DirectPath::Next::dtls) read = SocketPoll::Read::other;
    if (read == SocketPoll::Read::nothing) read = SocketPoll::Read::media;
  }
  return g_main_context_iteration(receiveContext_, FALSE) ? SocketPoll::Read::other : SocketPoll::Read::nothing;
}

void IceAgent::takeDirectPath() {
  // A relay's or TCP's datagrams are framed by the library.
  if (!receiveContext_) return;
  DirectPath path;
  path.select(agent_, stream_, kComponent);
  const bool isNew = path.isSet() && !path_.isSet();
  {
    std::lock_guard lock(sendMutex_);
    std::swap(path_, path);
  }
  if (isNew) roundTripTimer_.set(roundTrip_.nextDelayMs());
}

void IceAgent::leaveDirectPath() {
  if (!receiveContext_) return;
  roundTripTimer_.cancel();
  std::lock_guard lock(sendMutex_);
  path_.clear();
}

void IceAgent::measureRoundTrip() {
  if (!path_.isSet()) return;
  const std::span<const uint8_t> request = roundTrip_.makeRequest(isControlling());
  const int64_t nowUs = g_get_monotonic_time();
  if (!request.empty() && path_.send(request.data(), request.size(), 0)) roundTrip_.requestSent(nowUs);
  roundTripTimer_.set(roundTrip_.nextDelayMs());
}

std::vector<std::string> IceAgent::localCandidates() const {
  std::vector<std::string> candidates;
  GSList* list = nice_agent_get_local_candidates(agent_, stream_, kComponent);
  for (GSList* item = list; item; item = item->next) {
    candidates.push_back(describe(static_cast<NiceCandidate*>(item->data)));
  }
  g_slist_free_full(list, reinterpret_cast<GDestroyNotify>(nice_candidate_free));
  return candidates;
}

std::string IceAgent::describeRemote(NiceCandidate* candidate) const {
  gchar* line = nice_agent_generate_local_candidate_sdp(agent_, candidate);
  std::string text = line ? line : "";
  g_free(line);
  if (text.starts_with("a=")) text.erase(0, 2);
  return text;
}

std::string IceAgent::describe(NiceCandidate* candidate) const {
  std::string text = describeRemote(candidate);
  if (candidate->type == NICE_CANDIDATE_TYPE_HOST) {
    for (const auto& [local, external] : externalAddresses_) text = withAddress(text, local, external);
  }
  return text;
}

void IceAgent::setControlling(bool controlling) {
  g_object_set(agent_, "controlling-mode", controlling ? TRUE : FALSE, nullptr);
}

void IceAgent::setRemoteCredentials(const std::string& ufrag, const std::string& password) {
  remoteUfrag_ = ufrag;
  remotePassword_ = password;
  hasRestarted_ = false;
  nice_agent_set_remote_credentials(agent_, stream_, ufrag.c_str(), password.c_str());
  lookForPath();
}

bool IceAgent::addRemoteCandidate(const std::string& candidate) {
  if (candidate.size() > kMaximumCandidateBytes || !candidate.starts_with("candidate:")) return false;
  const std::string ufrag = candidateUfrag(candidate);
  if (!ufrag.empty() && ufrag != remoteUfrag_) return false;
  if (!checkCandidate(candidate)) return false;
  if (remoteCandidates_.size() < kMaximumRemoteCandidates) remoteCandidates_.push_back(candidate);
  return true;
}

bool IceAgent::checkCandidate(const std::string& candidate) {
  NiceCandidate* parsed = nice_agent_parse_remote_candidate_sdp(agent_, stream_, ("a=" + candidate).c_str());
  if (!parsed) return false;
  bool taken = parsed->component_id == kComponent && (iceTcp_ || parsed->transport == NICE_CANDIDATE_TRANSPORT_UDP);
  // Nobody can connect to an active candidate. The far side's connection is found by its first check; were its address
  // known before, as Pion tells it, the library would look for a pair that it never makes (RFC 6544, section 6.2).
  const bool isUnreachable = parsed->transport == NICE_CANDIDATE_TRANSPORT_TCP_ACTIVE;
  if (taken && !isUnreachable) {
    GSList item = {parsed, nullptr};
    taken = nice_agent_set_remote_candidates(agent_, stream_, kComponent, &item) >= 0;
  }
  nice_candidate_free(parsed);
  return taken;
}

void IceAgent::endRemoteCandidates() { nice_agent_peer_candidate_gathering_done(agent_, stream_); }

void IceAgent::restart(bool keepsCredentials) {
  nice_agent_restart_stream(agent_, stream_);
  hasRestarted_ = true;
  silence_.cancel();
  remoteCandidates_.clear();
  if (keepsCredentials) {
    nice_agent_set_local_credentials(agent_, stream_, ufrag_.c_str(), password_.c_str());
  } else {
    readCredentials();
  }
}

void IceAgent::checkAnew() {
  std::vector<std::string> candidates;
  candidates.swap(remoteCandidates_);
  restart(true);
  hasRestarted_ = false;
  nice_agent_set_remote_credentials(agent_, stream_, remoteUfrag_.c_str(), remotePassword_.c_str());
  for (const std::string& candidate : candidates) addRemoteCandidate(candidate);
  lookForPath();
}

void IceAgent::lookForPath() {
  lastSignUs_ = g_get_monotonic_time();
  // Sockets of relays are not seen here.
  if (receiveContext_) silence_.set(kSilenceMs);
}

void IceAgent::onSilence() {
  const int64_t quietMs = (g_get_monotonic_time() - lastSignUs_) / 1000;
  if (quietMs < kSilenceMs) return silence_.set(kSilenceMs - quietMs);
  checkAnew();
}

bool IceAgent::mayFail() const { return hasRestarted_ || remoteUfrag_.empty() || !(hasHadPath_ || receiveContext_); }

bool IceAgent::send(const uint8_t* data, size_t size, int dscp) {
  std::lock_guard lock(sendMutex_);
  if (!agent_) return false;
  // The sockets are told when the kind of packet changes, which audio alone never does. On the direct path they keep the
  // first mark that there was, and packets of another kind carry their own. Checks then go as media does (RFC 8445, 7.1).
  if (dscp != dscp_ && (!path_.isSet() || dscp_ == 0)) {
    dscp_ = dscp;
    nice_agent_set_stream_tos(agent_, stream_, dscp << 2);
  }
  if (path_.isSet()) return path_.send(data, size, dscp == dscp_ ? std::nullopt : std::optional(dscp));
  return nice_agent_send(agent_, stream_, kComponent, static_cast<guint>(size),
                         reinterpret_cast<const gchar*>(data)) == static_cast<gint>(size);
}

IceAgent::SelectedPair IceAgent::selectedPair() const {
  NiceCandidate* local = nullptr;
  NiceCandidate* remote = nullptr;
  if (!nice_agent_get_selected_pair(agent_, stream_, kComponent, &local, &remote)) return {};
  return {describe(local), describeRemote(remote), selected_.localUfrag, selected_.remoteUfrag};
}

bool IceAgent::isControlling() const {
  gboolean controlling = FALSE;
  g_object_get(agent_, "controlling-mode", &controlling, nullptr);
  return controlling == TRUE;
}

std::vector<CandidateStats> IceAgent::localCandidateStats() const {
  std::vector<CandidateStats> stats;
  GSList* list = nice_agent_get_local_candidates(agent_, stream_, kComponent);
  for (GSList* item = list; item; item = item->next) stats.push_back(statsOf(static_cast<NiceCandidate*>(item->data)));
  g_slist_free_full(list, reinterpret_cast<GDestroyNotify>(nice_candidate_free));
  return stats;
}

std::vector<CandidateStats> IceAgent::remoteCandidateStats() const {
  std::vector<CandidateStats> stats;
  GSList* list = nice_agent_get_remote_candidates(agent_, stream_, kComponent);
  for (GSList* item = list; item; item = item->next) {
    stats.push_back({describeRemote(static_cast<NiceCandidate*>(item->data)), "", ""});
  }
  g_slist_free_full(list, reinterpret_cast<GDestroyNotify>(nice_candidate_free));
  return stats;
}

CandidateStats IceAgent::statsOf(NiceCandidate* candidate) const {
  CandidateStats stats;
  stats.candidate = describe(candidate);
  const Server* server = serverOf(candidate);
  if (!server) return stats;
  stats.url = server->url;
  if (candidate->type != NICE_CANDIDATE_TYPE_RELAYED) return stats;
  static constexpr const char* kProtocols[] = {"", "udp", "tcp", "tls"};
  stats.relayProtocol = kProtocols[static_cast<size_t>(server->kind)];
  return stats;
}

const IceAgent::Server* IceAgent::serverOf(const NiceCandidate* candidate) const {
  const bool isRelay = candidate->type == NICE_CANDIDATE_TYPE_RELAYED;
  if (!isRelay && candidate->type != NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE) return nullptr;
  NiceAddress address;
  char host[NICE_ADDRESS_STRING_LEN] = "";
  if (!isRelay) {
    if (!nice_candidate_stun_server_address(candidate, &address)) return nullptr;
    nice_address_to_string(&address, host);
  }
  // A server that was given by its name is told by its port, and a relay by being the only one: the library hands out
  // copies of candidates that know of no relay, and crashes when asked. Where that says nothing, no server is named.
  const Server* only = nullptr;
  size_t count = 0;
  for (const Server& server : servers_) {
    if (isRelay != (server.kind != IceServerUrl::Kind::stun)) continue;
    if (!isRelay && server.port != nice_address_get_port(&address)) continue;
    if (!isRelay && server.host == host) return &server;
    only = &server;
    ++count;
  }
  return count == 1 ? only : nullptr;
}

void IceAgent::onSelected(NiceCandidate* local, NiceCandidate* remote) {
  SelectedPair pair = {describe(local), describeRemote(remote), ufrag_, remoteUfrag_};
  // The same pair is told again when its nomination is confirmed.
  if (pair == selected_) return;
  selected_ = std::move(pair);
  roundTrip_.select({remoteUfrag_ + ":" + ufrag_, remotePassword_, checkPriority(local->priority)});
  if (path_.isSet()) roundTripTimer_.set(roundTrip_.nextDelayMs());
  listener_.onSelectedPair();
}

bool IceAgent::isPathLost(const std::vector<std::string>& machineAddresses) const {
  const auto isThere = [&](const std::string& address) {
    return std::find(machineAddresses.begin(), machineAddresses.end(), address) != machineAddresses.end();
  };
  NiceCandidate* local = nullptr;
  NiceCandidate* remote = nullptr;
  if (!nice_agent_get_selected_pair(agent_, stream_, kComponent, &local, &remote)) return false;
  // The way to a relay is not told. As long as one of the addresses is there it may be the one; else consent tells.
  if (local->type == NICE_CANDIDATE_TYPE_RELAYED) return std::none_of(addresses_.begin(), addresses_.end(), isThere);
  std::array<gchar, NICE_ADDRESS_STRING_LEN> base{};
  nice_address_to_string(&local->base_addr, base.data());
  return !isThere(base.data());
}

void IceAgent::onNewCandidate(NiceAgent*, NiceCandidate* candidate, gpointer self) {
  auto* agent = static_cast<IceAgent*>(self);
  agent->listener_.onLocalCandidate(agent->describe(candidate));
}

void IceAgent::onGatheringDone(NiceAgent*, guint, gpointer self) {
  static_cast<IceAgent*>(self)->listener_.onGathered();
}

void IceAgent::onNewSelectedPair(NiceAgent*, guint, guint, NiceCandidate* local, NiceCandidate* remote, gpointer self) {
  static_cast<IceAgent*>(self)->takeDirectPath();
  static_cast<IceAgent*>(self)->onSelected(local, remote);
}

void IceAgent::onComponentState(NiceAgent*, guint, guint, guint state, gpointer self) {
  auto* agent = static_cast<IceAgent*>(self);
  const IceState known = stateOf(state);
  // Without consent nothing may be sent (RFC 7675, section 5.1).
  if (known == IceState::failed) agent->leaveDirectPath();
  if (known == IceState::connected) agent->takeDirectPath();
  if (known == IceState::failed && !agent->mayFail()) {
    // Consent (RFC 7675) ran out, by the library's 10 s, or no check was answered. A check that succeeded now would
    // make the library abort (it has no way from failed to connected), so the checks begin anew.
    agent->checkAnew();
    return agent->listener_.onIceState(agent->hasHadPath_ ? IceState::interrupted : IceState::checking);
  }
  if (known == IceState::connected) {
    agent->hasHadPath_ = true;
    agent->silence_.cancel();
  }
  agent->listener_.onIceState(known);
}

void IceAgent::onReceived(NiceAgent*, guint, guint, guint size, gchar* data, gpointer self) {
  static_cast<IceAgent*>(self)->listener_.onDatagram(reinterpret_cast<uint8_t*>(data), size);
}

}  // namespace troupe::transport
