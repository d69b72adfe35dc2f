#pragma once

#include <gio/gio.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "IoThread.hpp"
#include "IoTimer.hpp"

namespace troupe::transport {

/** One TCP connection on this machine and one inside TLS to a server, whose bytes are each other's. On the I/O thread. */
class TlsTunnel {
 public:
  /** It must not be destroyed in the call. `orderly` when one side closed after the handshake. */
  using Ended = std::function<void(const TlsTunnel& tunnel, bool orderly)>;

  /** Owns `local`, a connected socket that does not block. */
  TlsTunnel(IoThread& thread, int local, SSL_CTX* context, const std::string& host, uint16_t port, Ended ended);
  ~TlsTunnel();
  TlsTunnel(const TlsTunnel&) = delete;
  TlsTunnel& operator=(const TlsTunnel&) = delete;

 private:
  enum class State { resolving, connecting, handshaking, open, ended };
  /** Bytes that wait for the other side. */
  struct Waiting {
    std::vector<uint8_t> bytes;
    size_t at = 0;
    bool empty() const { return at == bytes.size(); }
  };
  struct Source : GSource {
    TlsTunnel* tunnel;
  };

  void resolve();
  void connectNext();
  void onReady();
  bool finishConnect();
  bool handshake();
  bool pump();
  bool readLocal();
  bool writeRemote();
  bool readRemote();
  bool writeLocal();
  bool wantsMore(int result);
  void watch();
  void unwatchRemote();
  void end(bool orderly);

  static void onResolved(GObject* resolver, GAsyncResult* result, gpointer self);
  static gboolean dispatch(GSource* source, GSourceFunc, gpointer);

  const std::string host_;
  const uint16_t port_;
  Ended ended_;
  State state_ = State::resolving;
  int local_;
  int remote_ = -1;
  SSL* ssl_;
  GSource* source_;
  gpointer localTag_;
  gpointer remoteTag_ = nullptr;
  bool remoteWantsWrite_ = false;
  GCancellable* cancellable_;
  std::vector<GInetAddress*> addresses_;
  Waiting toRemote_;
  Waiting toLocal_;
  IoTimer deadline_;
};

}  // namespace troupe::transport
