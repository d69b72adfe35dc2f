#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "IoThread.hpp"
#include "Types.hpp"

namespace troupe::transport {

class TlsTunnel;

/**
 * A port on loopback whose TCP connections go on to one server inside TLS 1.2 or newer, with its certificate and name
 * verified. libnice takes TURN over TLS for TURN over TCP in the mode that WebRTC uses: it is led here. All on the I/O
 * thread.
 */
class TlsBridge {
 public:
  /**
   * `failed` is told of each connection that the server did not take or that was not believed. Throws InvalidParameters when the certificates cannot be
   * read, or no port is to be had.
   */
  TlsBridge(IoThread& thread, std::string host, uint16_t port, const TlsTrust& trust, std::function<void()> failed);
  ~TlsBridge();
  TlsBridge(const TlsBridge&) = delete;
  TlsBridge& operator=(const TlsBridge&) = delete;

  /** Where to connect to, on 127.0.0.1. */
  uint16_t localPort() const { return localPort_; }

  /** Goes on, and tells nobody any more. */
  void silence() { failed_ = nullptr; }

 private:
  void listen();
  void accept();
  void onEnded(const TlsTunnel& tunnel, bool orderly);

  IoThread& thread_;
  const std::string host_;
  const uint16_t port_;
  std::function<void()> failed_;
  SSL_CTX* context_;
  int listener_ = -1;
  GSource* source_ = nullptr;
  uint16_t localPort_ = 0;
  std::vector<std::unique_ptr<TlsTunnel>> tunnels_;
  /** Goes with this object: what was posted for it finds out. */
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace troupe::transport
