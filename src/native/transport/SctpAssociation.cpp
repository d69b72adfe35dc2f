#include "SctpAssociation.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "SctpStack.hpp"

namespace troupe::transport {

namespace {

// The largest message must fit in whole.
constexpr int kSocketBufferBytes = 2 * static_cast<int>(kMaximumMessageBytes);
// A packet and its header of 12 bytes, with 37 of a DTLS record and 28 of UDP and IPv4 around them, fit a path of 1200.
constexpr uint32_t kPathMtuBytes = 1120;
constexpr size_t kReadBytes = 64 * 1024;
// The usual 60 s would leave data waiting for as long again as a path was away.
constexpr uint32_t kMaximumRetransmissionMs = 2000;
// Whether the far side is lost is for ICE and its owner to say, not for SCTP: at 2 s each this is over half an hour.
constexpr uint16_t kMaximumRetransmissions = 1000;

sockaddr_conn addressOf(uintptr_t id, uint16_t port) {
  sockaddr_conn address{};
  address.sconn_family = AF_CONN;
  address.sconn_port = htons(port);
  address.sconn_addr = reinterpret_cast<void*>(id);
  return address;
}

}  // namespace

SctpAssociation::SctpAssociation(IoThread& thread, uint16_t localPort, uint16_t remotePort, SctpListener& listener)
    : thread_(thread), listener_(listener) {
  SctpStack& stack = SctpStack::ofProcess();
  socket_ = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, nullptr, nullptr, 0, nullptr);
  if (!socket_) throw std::runtime_error("no SCTP socket");
  id_ = stack.add(*this, thread);
  configure();
  sockaddr_conn local = addressOf(id_, localPort);
  remote_ = addressOf(id_, remotePort);
  // Both ends connect; crossing INITs are one association (RFC 8831, section 6.2).
  if (usrsctp_bind(socket_, reinterpret_cast<sockaddr*>(&local), sizeof local) == 0 &&
      (usrsctp_connect(socket_, reinterpret_cast<sockaddr*>(&remote_), sizeof remote_) == 0 || errno == EINPROGRESS)) {
    limitPacketSize();
    return;
  }
  usrsctp_close(socket_);
  stack.remove(id_);
  throw std::runtime_error("SCTP could not connect");
}

SctpAssociation::~SctpAssociation() {
  usrsctp_set_upcall(socket_, nullptr, nullptr);
  usrsctp_close(socket_);
  SctpStack::ofProcess().remove(id_);
}

void SctpAssociation::setOption(int option, const void* value, size_t size) {
  usrsctp_setsockopt(socket_, IPPROTO_SCTP, option, value, static_cast<socklen_t>(size));
}

void SctpAssociation::configure() {
  usrsctp_set_non_blocking(socket_, 1);
  usrsctp_set_upcall(socket_, &SctpStack::onSocketEvent, reinterpret_cast<void*>(id_));
  // Closing sends an ABORT at once; a graceful shutdown would need the transport to wait.
  const linger abort = {1, 0};
  usrsctp_setsockopt(socket_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  const int bufferBytes = kSocketBufferBytes;
  usrsctp_setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &bufferBytes, sizeof bufferBytes);
  usrsctp_setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bufferBytes, sizeof bufferBytes);
  sctp_assoc_value resets{};
  resets.assoc_id = SCTP_ALL_ASSOC;
  resets.assoc_value = SCTP_ENABLE_RESET_STREAM_REQ;
  setOption(SCTP_ENABLE_STREAM_RESET, &resets, sizeof resets);
  const uint32_t on = 1;
  setOption(SCTP_NODELAY, &on, sizeof on);
  setOption(SCTP_RECVRCVINFO, &on, sizeof on);
  const uint32_t off = 0;
  setOption(SCTP_FRAGMENT_INTERLEAVE, &off, sizeof off);
  sctp_initmsg init{};
  init.sinit_num_ostreams = kStreams;
  init.sinit_max_instreams = kStreams;
  init.sinit_max_attempts = kMaximumRetransmissions;
  init.sinit_max_init_timeo = kMaximumRetransmissionMs;
  setOption(SCTP_INITMSG, &init, sizeof init);
  limitRetransmission();
  for (const uint16_t type : {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT}) {
    sctp_event event{};
    event.se_assoc_id = SCTP_ALL_ASSOC;
    event.se_type = type;
    event.se_on = 1;
    setOption(SCTP_EVENT, &event, sizeof event);
  }
}

void SctpAssociation::limitRetransmission() {
  sctp_rtoinfo timeout{};
  timeout.srto_initial = kMaximumRetransmissionMs / 2;
  timeout.srto_max = kMaximumRetransmissionMs;
  setOption(SCTP_RTOINFO, &timeout, sizeof timeout);
  sctp_assocparams parameters{};
  parameters.sasoc_asocmaxrxt = kMaximumRetransmissions;
  setOption(SCTP_ASSOCINFO, &parameters, sizeof parameters);
}

void SctpAssociation::limitPacketSize() {
  sctp_paddrparams parameters{};
  std::memcpy(&parameters.spp_address, &remote_, sizeof remote_);
  parameters.spp_flags = SPP_PMTUD_DISABLE;
  parameters.spp_pathmtu = kPathMtuBytes;
  parameters.spp_pathmaxrxt = kMaximumRetransmissions;
  setOption(SCTP_PEER_ADDR_PARAMS, &parameters, sizeof parameters);
}

void SctpAssociation::probe() {
  sctp_paddrparams parameters{};
  std::memcpy(&parameters.spp_address, &remote_, sizeof remote_);
  parameters.spp_flags = SPP_HB_DEMAND;
  setOption(SCTP_PEER_ADDR_PARAMS, &parameters, sizeof parameters);
}

void SctpAssociation::receive(const uint8_t* data, size_t size) {
  isHandlingInput_ = true;
  usrsctp_conninput(reinterpret_cast<void*>(id_), data, size, 0);
  isHandlingInput_ = false;
  readAvailable();
}

void SctpAssociation::onSocketEvent() {
  // usrsctp may hold locks here: what there is to read is read once it has returned.
  if (isHandlingInput_) return;
  thread_.post([id = id_] { SctpStack::read(id); });
}

void SctpAssociation::setReading(bool isReading) {
  isReading_ = isReading;
  if (isReading) readAvailable();
}

void SctpAssociation::readAvailable() {
  while (isReading_ && readOne()) {
  }
  if (!wasFull_) return;
  wasFull_ = false;
  listener_.onSctpWritable();
}

bool SctpAssociation::readOne() {
  static thread_local std::array<uint8_t, kReadBytes> buffer;
  sctp_rcvinfo info{};
  socklen_t infoSize = sizeof info;
  sockaddr_conn from{};
  socklen_t fromSize = sizeof from;
  unsigned int infoType = 0;
  int flags = 0;
  const ssize_t size = usrsctp_recvv(socket_, buffer.data(), buffer.size(), reinterpret_cast<sockaddr*>(&from),
                                     &fromSize, &info, &infoSize, &infoType, &flags);
  if (size <= 0) return false;
  const auto length = static_cast<size_t>(size);
  if (flags & MSG_NOTIFICATION) {
    onNotification(buffer.data(), length);
  } else if (infoType == SCTP_RECVV_RCVINFO) {
    takePiece(info.rcv_sid, ntohl(info.rcv_ppid), buffer.data(), length, (flags & MSG_EOR) != 0);
  }
  return true;
}

void SctpAssociation::takePiece(uint16_t stream, uint32_t protocolId, const uint8_t* data, size_t size, bool isLast) {
  if (partial_.size() + size > kMaximumMessageBytes) isPartialOversized_ = true;
  if (!isPartialOversized_) partial_.insert(partial_.end(), data, data + size);
  if (!isLast) return;
  std::vector<uint8_t> message;
  message.swap(partial_);
  if (isPartialOversized_) {
    isPartialOversized_ = false;
    return listener_.onSctpOversized(stream);
  }
  listener_.onSctpMessage(stream, protocolId, std::move(message));
}

void SctpAssociation::onNotification(const uint8_t* data, size_t size) {
  uint16_t type = 0;
  if (size < sizeof type) return;
  std::memcpy(&type, data, sizeof type);
  if (type == SCTP_ASSOC_CHANGE && size >= sizeof(sctp_assoc_change)) {
    sctp_assoc_change change{};
    std::memcpy(&change, data, sizeof change);
    onAssociationChange(change);
  } else if (type == SCTP_STREAM_RESET_EVENT) {
    onStreamResets(data, size);
  }
}

void SctpAssociation::onAssociationChange(const sctp_assoc_change& change) {
  if (change.sac_state == SCTP_COMM_UP) {
    return listener_.onSctpConnected(std::min(change.sac_inbound_streams, change.sac_outbound_streams));
  }
  if (change.sac_state == SCTP_RESTART || isClosed_) return;
  isClosed_ = true;
  listener_.onSctpClosed();
}

void SctpAssociation::onStreamResets(const uint8_t* data, size_t size) {
  sctp_stream_reset_event event{};
  if (size < sizeof event) return;
  std::memcpy(&event, data, sizeof event);
  const size_t count = (size - sizeof event) / sizeof(uint16_t);
  const bool isRefused = (event.strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) != 0;
  for (size_t i = 0; i < count; ++i) {
    uint16_t stream = 0;
    std::memcpy(&stream, data + sizeof event + i * sizeof stream, sizeof stream);
    if (event.strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN && !isRefused) listener_.onSctpStreamReset(stream, true);
    if (event.strreset_flags & SCTP_STREAM_RESET_OUTGOING_SSN) listener_.onSctpStreamReset(stream, false);
  }
}

SctpAssociation::SendResult SctpAssociation::send(uint16_t stream, uint32_t protocolId, const uint8_t* data,
                                                  size_t size, const ChannelOptions& options) {
  sctp_sendv_spa parameters{};
  parameters.sendv_flags = SCTP_SEND_SNDINFO_VALID;
  parameters.sendv_sndinfo.snd_sid = stream;
  parameters.sendv_sndinfo.snd_ppid = htonl(protocolId);
  if (!options.ordered) parameters.sendv_sndinfo.snd_flags = SCTP_UNORDERED;
  if (options.maxRetransmits >= 0 || options.maxPacketLifeTimeMs >= 0) {
    const bool isCounted = options.maxRetransmits >= 0;
    parameters.sendv_flags |= SCTP_SEND_PRINFO_VALID;
    parameters.sendv_prinfo.pr_policy = isCounted ? SCTP_PR_SCTP_RTX : SCTP_PR_SCTP_TTL;
    parameters.sendv_prinfo.pr_value =
        static_cast<uint32_t>(isCounted ? options.maxRetransmits : options.maxPacketLifeTimeMs);
  }
  const ssize_t sent = usrsctp_sendv(socket_, data, size, nullptr, 0, &parameters, sizeof parameters,
                                     SCTP_SENDV_SPA, 0);
  if (sent >= 0) return SendResult::sent;
  if (errno != EWOULDBLOCK && errno != EAGAIN) return SendResult::failed;
  wasFull_ = true;
  return SendResult::full;
}

bool SctpAssociation::resetStream(uint16_t stream) {
  alignas(sctp_reset_streams) std::array<uint8_t, sizeof(sctp_reset_streams) + sizeof stream> bytes{};
  auto* request = reinterpret_cast<sctp_reset_streams*>(bytes.data());
  request->srs_assoc_id = SCTP_ALL_ASSOC;
  request->srs_flags = SCTP_STREAM_RESET_OUTGOING;
  request->srs_number_streams = 1;
  request->srs_stream_list[0] = stream;
  return usrsctp_setsockopt(socket_, IPPROTO_SCTP, SCTP_RESET_STREAMS, request, static_cast<socklen_t>(bytes.size())) == 0;
}

}  // namespace troupe::transport
