#include "IceServerUrl.hpp"

#include <doctest/doctest.h>

using namespace troupe::transport;

namespace {

void checkUrl(const char* url, IceServerUrl::Kind kind, const char* host, uint16_t port) {
  CAPTURE(url);
  const auto server = parseIceServerUrl(url);
  REQUIRE(server.has_value());
  CHECK(server->kind == kind);
  CHECK(server->host == host);
  CHECK(server->port == port);
}

}  // namespace

TEST_CASE("A server's URL says how to reach it") {
  using Kind = IceServerUrl::Kind;
  checkUrl("stun:stun.example", Kind::stun, "stun.example", 3478);
  checkUrl("stun:192.0.2.1:19302", Kind::stun, "192.0.2.1", 19302);
  checkUrl("turn:turn.example", Kind::turnUdp, "turn.example", 3478);
  checkUrl("turn:turn.example:80?transport=tcp", Kind::turnTcp, "turn.example", 80);
  checkUrl("turn:turn.example?transport=udp", Kind::turnUdp, "turn.example", 3478);
  checkUrl("turns:turn.example", Kind::turnTls, "turn.example", 5349);
  checkUrl("turns:turn.example:443?transport=tcp", Kind::turnTls, "turn.example", 443);
  checkUrl("turns:[2001:db8::1]:443", Kind::turnTls, "2001:db8::1", 443);
  checkUrl("stun:[2001:db8::1]", Kind::stun, "2001:db8::1", 3478);
}

TEST_CASE("What is no URL of a server that can be reached gives nothing") {
  for (const char* url : {"", "stun", "stun:", "http://turn.example", "stuns:stun.example", "turns:turn.example?transport=udp",
                          "turn:turn.example:0", "turn:turn.example:65536", "turn:turn.example:80x", "turn:[2001:db8::1",
                          "turn:turn.example?transport=sctp", "stun:stun.example?transport=tcp", "turn:[::1]80"}) {
    CAPTURE(url);
    CHECK_FALSE(parseIceServerUrl(url).has_value());
  }
}
