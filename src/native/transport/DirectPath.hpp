#pragma once

#include <gio/gio.h>
#include <nice/agent.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace troupe::transport {

/**
 * The selected pair of an ICE agent where it is plain UDP: what it carries goes and comes by its socket without the
 * library in between, which has more to do a datagram than the kernel, and reads a socket empty without telling of STUN.
 * ICE stays the library's. The owner guards it.
 */
class DirectPath {
 public:
  DirectPath() = default;
  ~DirectPath() { clear(); }
  DirectPath(DirectPath&& other) noexcept;
  DirectPath& operator=(DirectPath&& other) noexcept;

  /** Takes the pair that the agent has selected; none for one over a relay or TCP. */
  void select(NiceAgent* agent, guint stream, guint component);
  /** Takes a reference to the socket, and sends to and takes from `remote` alone. */
  void set(GSocket* socket, const sockaddr_storage& remote);
  /** Before the agent frees its sockets. */
  void clear();
  bool isSet() const { return socket_ != nullptr; }
  bool isSocket(int socket) const { return socket_ != nullptr && descriptor_ == socket; }

  /**
   * `mark`: the code point (RFC 8837, 0 to 63) that the packet carries where that is another than the socket's: it goes
   * into a message of control data, which costs a tenth of the sending.
   */
  bool send(const uint8_t* data, size_t size, std::optional<int> mark) const;

  enum class Next { media, dtls, stun, other, nothing };
  /**
   * Looks at what the socket has next, into `buffer`: media and DTLS of the selected far side are taken out of it, its
   * STUN stays for takeNext() or the library, and everything else for the library.
   */
  Next receive(std::span<uint8_t> buffer, size_t& size) const;
  /** Takes out what receive() left. */
  void takeNext() const;

 private:
  ssize_t sendMarked(const uint8_t* data, size_t size, int mark) const;
  bool isFrom(const sockaddr_storage& address) const;

  GSocket* socket_ = nullptr;
  int descriptor_ = -1;
  sockaddr_storage remote_{};
  socklen_t remoteBytes_ = 0;
};

}  // namespace troupe::transport
