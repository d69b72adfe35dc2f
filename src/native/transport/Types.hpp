#pragma once
// What a transport is told and what it tells, free of any library below it.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace troupe::transport {

class Certificate;

constexpr size_t kMaximumMessageBytes = 256 * 1024;
constexpr uint16_t kSctpPort = 5000;

struct IceServer {
  std::vector<std::string> urls;
  std::string username;
  std::string credential;
};

/** Whom a TLS client believes. */
struct TlsTrust {
  /** Certificates in PEM; those of the system when empty. */
  std::string certificateAuthorities;
  /** Believes any certificate. For tests only. */
  bool insecure = false;
};

/** Which of this machine's addresses ICE uses; all where both lists are empty. */
struct AddressFilter {
  /** Names of interfaces: `eth0`. */
  std::vector<std::string> interfaces;
  /** Ranges of addresses: `10.0.0.0/8`, `2001:db8::/32`. */
  std::vector<std::string> networks;
};

/** How packets ask the network to treat them, by kind: code points (RFC 2474), 0 to 63. */
struct DscpMarks {
  // RFC 8837, section 5: audio and interactive video of medium priority, data of low priority.
  /** RTCP too. */
  int audio = 46;
  int video = 36;
  /** DTLS too. */
  int data = 0;
};

struct TransportOptions {
  bool controlling = false;
  /** Only by TURN servers: nobody learns an address of this machine. */
  bool relayOnly = false;
  std::vector<IceServer> iceServers;
  /** Besides those of the interfaces and loopback. */
  std::vector<std::string> addresses;
  AddressFilter filter;
  /** What the far side is told instead of a local address, where one-to-one NAT stands before this machine. */
  std::map<std::string, std::string> externalAddresses;
  /** ICE over TCP (RFC 6544) besides UDP. */
  bool iceTcp = false;
  /** For TURN over TLS. */
  TlsTrust tls;
  DscpMarks dscp;
  /** For DTLS; that of the process when null. */
  std::shared_ptr<const Certificate> certificate;
  uint16_t minimumPort = 0;
  uint16_t maximumPort = 0;
};

/** What a restart of ICE (RFC 8445, section 9) leaves as it is. New sockets are on the addresses of that time. */
enum class IceRestart { sameSockets, newSockets };

enum class Setup { actpass, active, passive };

struct TransportParameters {
  std::string iceUfrag;
  std::string icePwd;
  bool iceLite = false;
  Setup setup = Setup::actpass;
  /** `sha-256` and the like. */
  std::string fingerprintAlgorithm;
  /** Upper-case hexadecimal with colons. */
  std::string fingerprint;
  /** `candidate:...` */
  std::vector<std::string> candidates;
  /** 0: no data channels. */
  size_t maxMessageSize = 0;
  uint16_t sctpPort = kSctpPort;
};

enum class TransportState { fresh, connecting, connected, disconnected, failed, closed };

struct ChannelOptions {
  bool ordered = true;
  /** At most one of the two is not negative. */
  int maxRetransmits = -1;
  int maxPacketLifeTimeMs = -1;
  std::string protocol;
  /** Negotiated outside; -1: announced by DCEP (RFC 8832). */
  int id = -1;
};

/** Parameters or options of the caller are not usable; the transport is as it was before the call. */
class InvalidParameters : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace troupe::transport
