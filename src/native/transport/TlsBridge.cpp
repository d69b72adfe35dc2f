#include "TlsBridge.hpp"

#include <glib-unix.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "StreamSockets.hpp"
#include "TlsTunnel.hpp"

namespace troupe::transport {

namespace {

// One a local address of an agent; the port is open to every process of the machine.
constexpr size_t kMaximumTunnels = 32;
// Where distributions keep what OpenSSL's own default may not name in an addon built elsewhere.
constexpr const char* kBundles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                    "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

void addAuthorities(SSL_CTX* context, const std::string& pem) {
  BIO* reader = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  size_t count = 0;
  while (X509* certificate = PEM_read_bio_X509(reader, nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
    X509_free(certificate);
    count += 1;
  }
  BIO_free(reader);
  ERR_clear_error();
  if (count == 0) throw InvalidParameters("Expected certificates in PEM for tls.certificateAuthorities");
}

void addSystemAuthorities(SSL_CTX* context) {
  SSL_CTX_set_default_verify_paths(context);
  for (const char* bundle : kBundles) {
    if (access(bundle, R_OK) == 0 && SSL_CTX_load_verify_file(context, bundle) == 1) break;
  }
  ERR_clear_error();
}

SSL_CTX* makeContext(const TlsTrust& trust) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, trust.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  try {
    trust.certificateAuthorities.empty() ? addSystemAuthorities(context)
                                         : addAuthorities(context, trust.certificateAuthorities);
  } catch (...) {
    SSL_CTX_free(context);
    throw;
  }
  return context;
}

}  // namespace

TlsBridge::TlsBridge(IoThread& thread, std::string host, uint16_t port, const TlsTrust& trust,
                     std::function<void()> failed)
    : thread_(thread),
      host_(std::move(host)),
      port_(port),
      failed_(std::move(failed)),
      context_(makeContext(trust)) {
  try {
    listen();
  } catch (...) {
    SSL_CTX_free(context_);
    throw;
  }
}

TlsBridge::~TlsBridge() {
  tunnels_.clear();
  g_source_destroy(source_);
  g_source_unref(source_);
  ::close(listener_);
  SSL_CTX_free(context_);
}

void TlsBridge::listen() {
  listener_ = openStreamSocket(AF_INET);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || bind(listener_, generic, size) != 0 || ::listen(listener_, SOMAXCONN) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    if (listener_ >= 0) ::close(listener_);
    throw InvalidParameters("No TCP port could be opened on loopback for TURN over TLS");
  }
  localPort_ = ntohs(address.sin_port);
  source_ = g_unix_fd_source_new(listener_, G_IO_IN);
  const GUnixFDSourceFunc onReady = [](gint, GIOCondition, gpointer self) -> gboolean {
    static_cast<TlsBridge*>(self)->accept();
    return G_SOURCE_CONTINUE;
  };
  g_source_set_callback(source_, G_SOURCE_FUNC(onReady), this, nullptr);
  g_source_attach(source_, thread_.context());
}

void TlsBridge::accept() {
  const int socket = acceptStreamSocket(listener_);
  if (socket < 0) return;
  if (tunnels_.size() >= kMaximumTunnels) {
    ::close(socket);
    return;
  }
  tunnels_.push_back(std::make_unique<TlsTunnel>(
      thread_, socket, context_, host_, port_,
      [this](const TlsTunnel& tunnel, bool orderly) { onEnded(tunnel, orderly); }));
}

/**
 * A tunnel ends in the midst of its own work: it goes once that is done. One that failed stays as it is, an open connection
 * without an answer: libnice gives a silent relay up after 8 s, and waits for ever for one that hung up.
 */
void TlsBridge::onEnded(const TlsTunnel& tunnel, bool orderly) {
  if (!orderly) {
    if (failed_) failed_();
    return;
  }
  thread_.post([this, ended = &tunnel, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    std::erase_if(tunnels_, [ended](const std::unique_ptr<TlsTunnel>& one) { return one.get() == ended; });
  });
}

}  // namespace troupe::transport
