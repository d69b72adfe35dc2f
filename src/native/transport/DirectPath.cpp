#include "DirectPath.hpp"

#include <netinet/in.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "PacketKind.hpp"

namespace troupe::transport {

namespace {

socklen_t sizeOf(const sockaddr_storage& address) {
  return address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

DirectPath::Next sort(const uint8_t* data, size_t size) {
  switch (classifyPacket(data, size)) {
    case PacketKind::rtp:
    case PacketKind::rtcp:
      return DirectPath::Next::media;
    case PacketKind::dtls:
      return DirectPath::Next::dtls;
    case PacketKind::unknown:
      break;
  }
  return isStun(data, size) ? DirectPath::Next::stun : DirectPath::Next::other;
}

}  // namespace

DirectPath::DirectPath(DirectPath&& other) noexcept
    : socket_(std::exchange(other.socket_, nullptr)),
      descriptor_(other.descriptor_),
      remote_(other.remote_),
      remoteBytes_(other.remoteBytes_) {}

DirectPath& DirectPath::operator=(DirectPath&& other) noexcept {
  std::swap(socket_, other.socket_);
  descriptor_ = other.descriptor_;
  remote_ = other.remote_;
  remoteBytes_ = other.remoteBytes_;
  return *this;
}

void DirectPath::select(NiceAgent* agent, guint stream, guint component) {
  clear();
  NiceCandidate* local = nullptr;
  NiceCandidate* remote = nullptr;
  if (!nice_agent_get_selected_pair(agent, stream, component, &local, &remote)) return;
  GSocket* socket = nice_agent_get_selected_socket(agent, stream, component);
  if (!socket) return;
  sockaddr_storage far{};
  nice_address_copy_to_sockaddr(&remote->addr, reinterpret_cast<sockaddr*>(&far));
  set(socket, far);
  g_object_unref(socket);
}

void DirectPath::set(GSocket* socket, const sockaddr_storage& remote) {
  clear();
  socket_ = G_SOCKET(g_object_ref(socket));
  descriptor_ = g_socket_get_fd(socket);
  remote_ = remote;
  remoteBytes_ = sizeOf(remote);
}

void DirectPath::clear() {
  if (socket_) g_object_unref(socket_);
  socket_ = nullptr;
}

bool DirectPath::send(const uint8_t* data, size_t size, std::optional<int> mark) const {
  ssize_t sent;
  do {
    sent = mark ? sendMarked(data, size, *mark)
                : sendto(descriptor_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                         reinterpret_cast<const sockaddr*>(&remote_), remoteBytes_);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(size);
}

ssize_t DirectPath::sendMarked(const uint8_t* data, size_t size, int mark) const {
  iovec part{const_cast<uint8_t*>(data), size};
  msghdr message{};
  message.msg_name = const_cast<sockaddr_storage*>(&remote_);
  message.msg_namelen = remoteBytes_;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const int trafficClass = mark << 2;
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof trafficClass)> control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  const bool isIpv6 = remote_.ss_family == AF_INET6;
  header->cmsg_level = isIpv6 ? IPPROTO_IPV6 : IPPROTO_IP;
  header->cmsg_type = isIpv6 ? IPV6_TCLASS : IP_TOS;
  header->cmsg_len = CMSG_LEN(sizeof trafficClass);
  std::memcpy(CMSG_DATA(header), &trafficClass, sizeof trafficClass);
  return sendmsg(descriptor_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

DirectPath::Next DirectPath::receive(std::span<uint8_t> buffer, size_t& size) const {
  sockaddr_storage from{};
  socklen_t fromBytes = sizeof from;
  // A datagram cannot be put back, so it is looked at first.
  const ssize_t peeked = recvfrom(descriptor_, buffer.data(), buffer.size(), MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&from), &fromBytes);
  if (peeked < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Next::nothing : Next::other;
  size = static_cast<size_t>(peeked);
  if (size > buffer.size() || !isFrom(from)) return Next::other;
  const Next next = sort(buffer.data(), size);
  if (next == Next::media || next == Next::dtls) takeNext();
  return next;
}

void DirectPath::takeNext() const { recv(descriptor_, nullptr, 0, MSG_TRUNC | MSG_DONTWAIT); }

bool DirectPath::isFrom(const sockaddr_storage& address) const {
  if (address.ss_family != remote_.ss_family) return false;
  if (address.ss_family == AF_INET6) {
    const auto& one = reinterpret_cast<const sockaddr_in6&>(address);
    const auto& other = reinterpret_cast<const sockaddr_in6&>(remote_);
    return one.sin6_port == other.sin6_port && std::memcmp(&one.sin6_addr, &other.sin6_addr, sizeof one.sin6_addr) == 0;
  }
  const auto& one = reinterpret_cast<const sockaddr_in&>(address);
  const auto& other = reinterpret_cast<const sockaddr_in&>(remote_);
  return one.sin_port == other.sin_port && one.sin_addr.s_addr == other.sin_addr.s_addr;
}

}  // namespace troupe::transport
