#include "ConsentRevocation.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

using namespace troupe::transport;

namespace {

using Bytes = std::vector<uint8_t>;

/** Two UDP sockets on loopback, the second with the filter. */
struct Line {
  Line() : near(socket(AF_INET, SOCK_DGRAM, 0)), far(socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(far, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(getsockname(far, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    REQUIRE(connect(near, reinterpret_cast<sockaddr*>(&address), size) == 0);
    dropConsentRevocations(far);
  }
  ~Line() {
    close(near);
    close(far);
  }

  /** Over loopback a datagram is there, or dropped, when send() returns. */
  bool passes(const Bytes& datagram) const {
    REQUIRE(send(near, datagram.data(), datagram.size(), 0) == static_cast<ssize_t>(datagram.size()));
    Bytes got(2048);
    const ssize_t size = recv(far, got.data(), got.size(), MSG_DONTWAIT);
    if (size < 0) return false;
    got.resize(static_cast<size_t>(size));
    CHECK(got == datagram);
    return true;
  }

  int near;
  int far;
};

Bytes stun(uint16_t type, const Bytes& attributes) {
  Bytes message{static_cast<uint8_t>(type >> 8), static_cast<uint8_t>(type), 0, static_cast<uint8_t>(attributes.size()),
                0x21, 0x12, 0xa4, 0x42};
  message.resize(20, 7);
  message.insert(message.end(), attributes.begin(), attributes.end());
  return message;
}

Bytes errorCode(uint8_t hundreds, uint8_t number) { return {0, 9, 0, 4, 0, 0, hundreds, number}; }

}  // namespace

TEST_SUITE("dropConsentRevocations") {
  TEST_CASE("a Binding error 403 does not come through") {
    Line line;
    CHECK_FALSE(line.passes(stun(0x0111, errorCode(4, 3))));
    Bytes withMore = errorCode(4, 3);
    withMore.insert(withMore.end(), {0x80, 0x22, 0, 4, 'a', 'b', 'c', 'd'});
    CHECK_FALSE(line.passes(stun(0x0111, withMore)));
    Bytes hidden{0x80, 0x22, 0, 4, 'a', 'b', 'c', 'd'};
    const Bytes code = errorCode(4, 3);
    hidden.insert(hidden.end(), code.begin(), code.end());
    CHECK_FALSE(line.passes(stun(0x0111, hidden)));
  }

  TEST_CASE("a role conflict, requests, answers, DTLS and media do") {
    Line line;
    CHECK(line.passes(stun(0x0111, errorCode(4, 87))));
    CHECK(line.passes(stun(0x0001, {})));
    CHECK(line.passes(stun(0x0101, {0, 0x20, 0, 8, 0, 1, 1, 2, 3, 4, 5, 6})));
    CHECK(line.passes({22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9}));
    CHECK(line.passes({0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 3}));
  }
}
