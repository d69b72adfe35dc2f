#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace troupe::transport {

/** What a URL of a STUN or TURN server says (RFC 7064, RFC 7065). */
struct IceServerUrl {
  enum class Kind { stun, turnUdp, turnTcp, turnTls };
  Kind kind = Kind::stun;
  /** A name or an address; an IPv6 address without its brackets. */
  std::string host;
  uint16_t port = 3478;
};

/**
 * `stun:host`, `turn:host:3478?transport=tcp`, `turns:[2001:db8::1]:5349`; nothing for what is none of them, for STUN over
 * TLS, and for TURN over DTLS (`turns:host?transport=udp`).
 */
std::optional<IceServerUrl> parseIceServerUrl(const std::string& url);

}  // namespace troupe::transport
