#include "DirectPath.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

using namespace troupe::transport;

namespace {

using Bytes = std::vector<uint8_t>;

const Bytes kRtp = {0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 42};
const Bytes kRtcp = {0x80, 201, 0, 1, 0, 0, 0, 7};
const Bytes kStun = {0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
const Bytes kDtls = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

/** A UDP socket on loopback. */
class Endpoint {
 public:
  explicit Endpoint(int family) {
    const int made = ::socket(family, SOCK_DGRAM, 0);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_addr = in6addr_loopback;
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    isThere_ = made >= 0 && (family == AF_INET6 ? bind(made, reinterpret_cast<sockaddr*>(&six), sizeof six)
                                                : bind(made, reinterpret_cast<sockaddr*>(&four), sizeof four)) == 0;
    socket_ = g_socket_new_from_fd(made, nullptr);
    const int on = 1;
    const bool isIpv6 = family == AF_INET6;
    setsockopt(made, isIpv6 ? IPPROTO_IPV6 : IPPROTO_IP, isIpv6 ? IPV6_RECVTCLASS : IP_RECVTOS, &on, sizeof on);
  }
  ~Endpoint() { g_object_unref(socket_); }
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  bool isThere() const { return isThere_; }
  GSocket* socket() const { return socket_; }
  int descriptor() const { return g_socket_get_fd(socket_); }
  sockaddr_storage address() const {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    getsockname(descriptor(), reinterpret_cast<sockaddr*>(&address), &size);
    return address;
  }

  void setMark(int dscp) const {
    const int trafficClass = dscp << 2;
    const bool isIpv6 = address().ss_family == AF_INET6;
    REQUIRE(setsockopt(descriptor(), isIpv6 ? IPPROTO_IPV6 : IPPROTO_IP, isIpv6 ? IPV6_TCLASS : IP_TOS, &trafficClass,
                       sizeof trafficClass) == 0);
  }

  /** There when this returns: loopback delivers within the call. */
  void sendTo(const Endpoint& other, const Bytes& data) const {
    const sockaddr_storage to = other.address();
    const socklen_t size = to.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    REQUIRE(sendto(descriptor(), data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&to), size) ==
            static_cast<ssize_t>(data.size()));
  }

  struct Datagram {
    Bytes data;
    int dscp = -1;
  };
  Datagram take() const {
    std::array<uint8_t, 4096> data;
    alignas(cmsghdr) std::array<char, 128> control;
    iovec part{data.data(), data.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = recvmsg(descriptor(), &message, MSG_DONTWAIT);
    if (size < 0) return {};
    Datagram taken{{data.data(), data.data() + size}, -1};
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
      int value = 0;
      if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS) value = *CMSG_DATA(header);
      else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS)
        std::memcpy(&value, CMSG_DATA(header), sizeof value);
      else continue;
      taken.dscp = value >> 2;
    }
    return taken;
  }

 private:
  GSocket* socket_ = nullptr;
  bool isThere_ = false;
};

struct Received {
  DirectPath::Next next;
  Bytes data;
};

Received receiveOn(const DirectPath& path) {
  std::array<uint8_t, 64> buffer;
  size_t size = 0;
  const DirectPath::Next next = path.receive(buffer, size);
  return {next, next == DirectPath::Next::media ? Bytes(buffer.data(), buffer.data() + size) : Bytes()};
}

}  // namespace

TEST_CASE("a direct path takes media and DTLS of its far side, one packet at a time, and leaves everything else where it is") {
  for (const int family : {AF_INET, AF_INET6}) {
    CAPTURE(family);
    const Endpoint near(family);
    const Endpoint far(family);
    const Endpoint stranger(family);
    if (family == AF_INET6 && !near.isThere()) {
      MESSAGE("no IPv6 here");
      continue;
    }
    DirectPath path;
    path.set(near.socket(), far.address());
    CHECK(receiveOn(path).next == DirectPath::Next::nothing);

    far.sendTo(near, kRtp);
    far.sendTo(near, kRtcp);
    CHECK(receiveOn(path).data == kRtp);
    CHECK(receiveOn(path).data == kRtcp);
    CHECK(receiveOn(path).next == DirectPath::Next::nothing);

    far.sendTo(near, kDtls);
    CHECK(receiveOn(path).next == DirectPath::Next::dtls);
    CHECK(receiveOn(path).next == DirectPath::Next::nothing);

    far.sendTo(near, kStun);
    CHECK(receiveOn(path).next == DirectPath::Next::stun);
    CHECK(near.take().data == kStun);
    for (const Bytes& other : {Bytes{0x80}, Bytes{}}) {
      far.sendTo(near, other);
      CHECK(receiveOn(path).next == DirectPath::Next::other);
      CHECK(near.take().data == other);
    }

    stranger.sendTo(near, kRtp);
    CHECK(receiveOn(path).next == DirectPath::Next::other);
    CHECK(near.take().data == kRtp);

    Bytes long_(65, 0x80);
    far.sendTo(near, long_);
    CHECK(receiveOn(path).next == DirectPath::Next::other);
    CHECK(near.take().data == long_);
  }
}

TEST_CASE("a direct path sends with its socket's mark, or with the packet's own") {
  for (const int family : {AF_INET, AF_INET6}) {
    CAPTURE(family);
    const Endpoint near(family);
    const Endpoint far(family);
    if (family == AF_INET6 && !near.isThere()) {
      MESSAGE("no IPv6 here");
      continue;
    }
    DirectPath path;
    path.set(near.socket(), far.address());
    near.setMark(46);
    CHECK(path.send(kRtp.data(), kRtp.size(), std::nullopt));
    CHECK(path.send(kRtcp.data(), kRtcp.size(), 36));
    CHECK(path.send(kDtls.data(), kDtls.size(), 0));
    CHECK(path.send(kRtp.data(), kRtp.size(), std::nullopt));
    for (const auto& [data, dscp] : {std::pair{kRtp, 46}, {kRtcp, 36}, {kDtls, 0}, {kRtp, 46}}) {
      const Endpoint::Datagram datagram = far.take();
      CHECK(datagram.data == data);
      CHECK(datagram.dscp == dscp);
    }
    const Bytes tooLong(70'000);
    CHECK_FALSE(path.send(tooLong.data(), tooLong.size(), std::nullopt));
    CHECK_FALSE(path.send(tooLong.data(), tooLong.size(), 36));
  }
}

TEST_CASE("a direct path holds its socket until it is cleared, and is moved whole") {
  const Endpoint near(AF_INET);
  const Endpoint far(AF_INET);
  DirectPath path;
  CHECK_FALSE(path.isSet());
  path.set(near.socket(), far.address());
  CHECK(path.isSocket(near.descriptor()));
  CHECK_FALSE(path.isSocket(far.descriptor()));
  CHECK(G_OBJECT(near.socket())->ref_count == 2);

  DirectPath moved = std::move(path);
  CHECK(moved.isSocket(near.descriptor()));
  far.sendTo(near, kRtp);
  CHECK(receiveOn(moved).data == kRtp);
  CHECK(G_OBJECT(near.socket())->ref_count == 2);

  moved.set(far.socket(), near.address());
  CHECK(G_OBJECT(near.socket())->ref_count == 1);
  moved.clear();
  CHECK_FALSE(moved.isSet());
  CHECK_FALSE(moved.isSocket(far.descriptor()));
  CHECK(G_OBJECT(far.socket())->ref_count == 1);
}
