#include "IceServerUrl.hpp"

#include <charconv>

namespace troupe::transport {

namespace {

constexpr uint16_t kPort = 3478;
constexpr uint16_t kTlsPort = 5349;
constexpr size_t kMaximumBytes = 512;

std::optional<IceServerUrl::Kind> kindOf(const std::string& scheme, const std::string& query) {
  const bool isTcp = query == "transport=tcp";
  if (!query.empty() && !isTcp && query != "transport=udp") return std::nullopt;
  if (scheme == "stun") return query.empty() ? std::optional(IceServerUrl::Kind::stun) : std::nullopt;
  if (scheme == "turn") return isTcp ? IceServerUrl::Kind::turnTcp : IceServerUrl::Kind::turnUdp;
  // TLS is over TCP where nothing else is said (RFC 7065, section 4.2).
  if (scheme == "turns" && query != "transport=udp") return IceServerUrl::Kind::turnTls;
  return std::nullopt;
}

std::optional<uint16_t> parsePort(const std::string& text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

std::optional<IceServerUrl> parseIceServerUrl(const std::string& url) {
  const size_t colon = url.find(':');
  if (colon == std::string::npos || url.size() > kMaximumBytes) return std::nullopt;
  const size_t query = url.find('?');
  const std::string parameters = query == std::string::npos ? "" : url.substr(query + 1);
  const std::optional<IceServerUrl::Kind> kind = kindOf(url.substr(0, colon), parameters);
  if (!kind) return std::nullopt;
  IceServerUrl server{*kind, url.substr(colon + 1, query == std::string::npos ? query : query - colon - 1),
                      *kind == IceServerUrl::Kind::turnTls ? kTlsPort : kPort};
  std::string& host = server.host;
  const bool isBracketed = host.starts_with('[');
  const size_t hostEnd = isBracketed ? host.find(']') : host.find(':');
  if (isBracketed && hostEnd == std::string::npos) return std::nullopt;
  const std::string rest = hostEnd == std::string::npos ? "" : host.substr(hostEnd + (isBracketed ? 1 : 0));
  if (!rest.empty()) {
    const std::optional<uint16_t> port = rest.front() == ':' ? parsePort(rest.substr(1)) : std::nullopt;
    if (!port) return std::nullopt;
    server.port = *port;
  }
  if (hostEnd != std::string::npos) host = isBracketed ? host.substr(1, hostEnd - 1) : host.substr(0, hostEnd);
  if (host.empty()) return std::nullopt;
  return server;
}

}  // namespace troupe::transport
