#include "TlsTunnel.hpp"

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "StreamSockets.hpp"

namespace troupe::transport {

namespace {

constexpr int64_t kHandshakeDeadlineMs = 10'000;
constexpr size_t kReadBytes = 16 * 1024;

bool mustWait() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

void setUpPeer(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  // A certificate names addresses apart from names, and no address is a server name (RFC 6066, section 3).
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1) return;
  SSL_set1_host(ssl, host.c_str());
  SSL_set_tlsext_host_name(ssl, host.c_str());
}

}  // namespace

TlsTunnel::TlsTunnel(IoThread& thread, int local, SSL_CTX* context, const std::string& host, uint16_t port, Ended ended)
    : host_(host),
      port_(port),
      ended_(std::move(ended)),
      local_(local),
      ssl_(SSL_new(context)),
      cancellable_(g_cancellable_new()),
      deadline_(thread, [this] { end(false); }) {
  SSL_set_connect_state(ssl_);
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  setUpPeer(ssl_, host_);
  static GSourceFuncs functions = {nullptr, nullptr, dispatch, nullptr, nullptr, nullptr};
  source_ = g_source_new(&functions, sizeof(Source));
  static_cast<Source*>(source_)->tunnel = this;
  localTag_ = g_source_add_unix_fd(source_, local_, static_cast<GIOCondition>(0));
  g_source_attach(source_, thread.context());
  deadline_.set(kHandshakeDeadlineMs);
  resolve();
}

TlsTunnel::~TlsTunnel() {
  g_cancellable_cancel(cancellable_);
  g_object_unref(cancellable_);
  for (GInetAddress* address : addresses_) g_object_unref(address);
  g_source_destroy(source_);
  g_source_unref(source_);
  SSL_free(ssl_);
  if (remote_ >= 0) ::close(remote_);
  ::close(local_);
}

void TlsTunnel::resolve() {
  if (GInetAddress* address = g_inet_address_new_from_string(host_.c_str())) {
    addresses_.push_back(address);
    return connectNext();
  }
  GResolver* resolver = g_resolver_get_default();
  // A cancelled look-up still calls back, when this object is gone: the cancellable tells.
  auto* request = new std::pair<GCancellable*, TlsTunnel*>(G_CANCELLABLE(g_object_ref(cancellable_)), this);
  g_resolver_lookup_by_name_async(resolver, host_.c_str(), cancellable_, onResolved, request);
  g_object_unref(resolver);
}

void TlsTunnel::onResolved(GObject* resolver, GAsyncResult* result, gpointer data) {
  const std::unique_ptr<std::pair<GCancellable*, TlsTunnel*>> request(
      static_cast<std::pair<GCancellable*, TlsTunnel*>*>(data));
  GList* found = g_resolver_lookup_by_name_finish(G_RESOLVER(resolver), result, nullptr);
  const bool isCancelled = g_cancellable_is_cancelled(request->first) == TRUE;
  g_object_unref(request->first);
  if (!isCancelled) {
    for (GList* item = found; item; item = item->next) {
      request->second->addresses_.push_back(G_INET_ADDRESS(g_object_ref(item->data)));
    }
    request->second->connectNext();
  }
  g_resolver_free_addresses(found);
}

void TlsTunnel::connectNext() {
  unwatchRemote();
  if (addresses_.empty()) return end(false);
  GInetAddress* address = addresses_.front();
  addresses_.erase(addresses_.begin());
  GSocketAddress* target = g_inet_socket_address_new(address, port_);
  g_object_unref(address);
  sockaddr_storage native{};
  const gssize size = g_socket_address_get_native_size(target);
  g_socket_address_to_native(target, &native, sizeof native, nullptr);
  g_object_unref(target);
  remote_ = openStreamSocket(native.ss_family);
  state_ = State::connecting;
  const bool begun = remote_ >= 0 && (connect(remote_, reinterpret_cast<sockaddr*>(&native),
                                              static_cast<socklen_t>(size)) == 0 ||
                                      errno == EINPROGRESS);
  if (!begun) return connectNext();
  remoteTag_ = g_source_add_unix_fd(source_, remote_, G_IO_OUT);
}

void TlsTunnel::unwatchRemote() {
  if (remoteTag_) g_source_remove_unix_fd(source_, remoteTag_);
  remoteTag_ = nullptr;
  if (remote_ >= 0) ::close(remote_);
  remote_ = -1;
}

gboolean TlsTunnel::dispatch(GSource* source, GSourceFunc, gpointer) {
  static_cast<Source*>(source)->tunnel->onReady();
  return G_SOURCE_CONTINUE;
}

void TlsTunnel::onReady() {
  if (state_ == State::connecting && !finishConnect()) return;
  if (state_ == State::handshaking && !handshake()) return;
  if (state_ == State::open && !pump()) return;
  watch();
}

bool TlsTunnel::finishConnect() {
  if (g_source_query_unix_fd(source_, remoteTag_) == 0) return false;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(remote_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    connectNext();
    return false;
  }
  SSL_set_fd(ssl_, remote_);
  state_ = State::handshaking;
  return true;
}

bool TlsTunnel::handshake() {
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    state_ = State::open;
    deadline_.cancel();
    return true;
  }
  if (wantsMore(result)) return true;
  end(false);
  return false;
}

/** False when the tunnel has ended. */
bool TlsTunnel::pump() {
  if (readLocal() && writeRemote() && readRemote() && writeLocal()) return true;
  end(true);
  return false;
}

bool TlsTunnel::readLocal() {
  if (!toRemote_.empty()) return true;
  std::array<uint8_t, kReadBytes> buffer;
  const ssize_t size = recv(local_, buffer.data(), buffer.size(), 0);
  if (size > 0) toRemote_ = {{buffer.begin(), buffer.begin() + size}, 0};
  return size > 0 || (size < 0 && mustWait());
}

bool TlsTunnel::writeRemote() {
  remoteWantsWrite_ = false;
  while (!toRemote_.empty()) {
    const size_t left = toRemote_.bytes.size() - toRemote_.at;
    const int size = SSL_write(ssl_, toRemote_.bytes.data() + toRemote_.at, static_cast<int>(left));
    if (size <= 0) return wantsMore(size);
    toRemote_.at += static_cast<size_t>(size);
  }
  return true;
}

bool TlsTunnel::readRemote() {
  while (toLocal_.empty()) {
    std::array<uint8_t, kReadBytes> buffer;
    const int size = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    if (size <= 0) return wantsMore(size);
    toLocal_ = {{buffer.begin(), buffer.begin() + size}, 0};
    if (!writeLocal()) return false;
  }
  return true;
}

bool TlsTunnel::writeLocal() {
  while (!toLocal_.empty()) {
    const size_t left = toLocal_.bytes.size() - toLocal_.at;
    const ssize_t size = ::send(local_, toLocal_.bytes.data() + toLocal_.at, left, MSG_NOSIGNAL);
    if (size < 0) return mustWait();
    toLocal_.at += static_cast<size_t>(size);
  }
  return true;
}

bool TlsTunnel::wantsMore(int result) {
  const int error = SSL_get_error(ssl_, result);
  ERR_clear_error();
  if (error == SSL_ERROR_WANT_WRITE) remoteWantsWrite_ = true;
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/** Each side is read only while the other has taken what came before, so that nothing piles up here. */
void TlsTunnel::watch() {
  if (state_ != State::handshaking && state_ != State::open) return;
  const bool isOpen = state_ == State::open;
  int local = 0;
  int remote = 0;
  if (isOpen && toRemote_.empty()) local |= G_IO_IN;
  if (isOpen && !toLocal_.empty()) local |= G_IO_OUT;
  if (toLocal_.empty()) remote |= G_IO_IN;
  if (remoteWantsWrite_) remote |= G_IO_OUT;
  g_source_modify_unix_fd(source_, localTag_, static_cast<GIOCondition>(local));
  g_source_modify_unix_fd(source_, remoteTag_, static_cast<GIOCondition>(remote));
}

void TlsTunnel::end(bool orderly) {
  if (state_ == State::ended) return;
  state_ = State::ended;
  deadline_.cancel();
  g_source_destroy(source_);
  ended_(*this, orderly);
}

}  // namespace troupe::transport
