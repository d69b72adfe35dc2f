#include "DtlsEndpoint.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/time.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "DtlsRecords.hpp"
#include "SrtpSession.hpp"

namespace troupe::transport {

namespace {

// Fits every path that WebRTC is used on, with room for TURN's header.
constexpr long kLinkMtuBytes = 1200;
// The default of one second makes one lost flight cost more than the rest of the join.
constexpr unsigned int kFirstTimeoutUs = 100'000;
constexpr unsigned int kLongestTimeoutUs = 2'000'000;
// A ClientHello's flight, retransmitted a few times.
constexpr size_t kMaximumEarlyRecords = 16;
constexpr size_t kMaximumRecordBytes = 16 * 1024 + 256;
constexpr size_t kTagBytes = 16;
// AES-GCM sends half of its nonce (RFC 5288, section 3), ChaCha20-Poly1305 none of it (RFC 7905, section 2).
constexpr size_t kGcmNonceBytes = 8;

unsigned int nextTimeout(SSL*, unsigned int previousUs) {
  return previousUs == 0 ? kFirstTimeoutUs : std::min(previousUs * 2, kLongestTimeoutUs);
}

std::string takeErrors() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    if (text.empty()) {
      const char* reason = ERR_reason_error_string(code);
      text = reason ? reason : "unknown error";
    }
  }
  return text.empty() ? "unknown error" : text;
}

// The endpoint takes each write as one datagram; a memory BIO would run them together.
int writeDatagram(BIO* bio, const char* data, int size) {
  auto* listener = static_cast<DtlsListener*>(BIO_get_data(bio));
  // A datagram that the socket refuses is a lost one: the handshake's timer repeats it.
  listener->sendDtls(reinterpret_cast<const uint8_t*>(data), static_cast<size_t>(size));
  return size;
}

long controlWriter(BIO*, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
      return 0;
    case BIO_CTRL_DGRAM_QUERY_MTU:
      return kLinkMtuBytes;
    default:
      return 0;
  }
}

int createWriter(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

}  // namespace

const BIO_METHOD* DtlsEndpoint::writeMethod() {
  static const BIO_METHOD* method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "troupe datagram");
    BIO_meth_set_write(made, writeDatagram);
    BIO_meth_set_ctrl(made, controlWriter);
    BIO_meth_set_create(made, createWriter);
    return made;
  }();
  return method;
}

SSL_CTX* DtlsEndpoint::makeContext() {
  SSL_CTX* context = SSL_CTX_new(DTLS_method());
  SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context, 1);
  // Authenticated encryption only: it also makes the overhead of a record a constant.
  SSL_CTX_set_cipher_list(context,
                          "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                          "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                          "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305");
  SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verifyCertificate, nullptr);
  SSL_CTX_set_tlsext_use_srtp(context, SrtpSession::profiles().c_str());
  return context;
}

SSL_CTX* DtlsEndpoint::sharedContext() {
  // Never freed: threads of other environments may use it until the process ends.
  static SSL_CTX* context = makeContext();
  return context;
}

DtlsEndpoint::DtlsEndpoint(IoThread& thread, std::shared_ptr<const Certificate> certificate, DtlsListener& listener)
    : certificate_(std::move(certificate)),
      listener_(listener),
      timer_(thread, [this] { onTimer(); }),
      ssl_(SSL_new(sharedContext())) {
  SSL_use_certificate(ssl_, certificate_->x509());
  SSL_use_PrivateKey(ssl_, certificate_->key());
  BIO* reader = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(reader, -1);
  BIO* writer = BIO_new(writeMethod());
  BIO_set_data(writer, &listener_);
  SSL_set_bio(ssl_, reader, writer);
  SSL_set_app_data(ssl_, this);
  DTLS_set_link_mtu(ssl_, kLinkMtuBytes);
  DTLS_set_timer_cb(ssl_, nextTimeout);
}

DtlsEndpoint::~DtlsEndpoint() { SSL_free(ssl_); }

void DtlsEndpoint::start(bool isClient, const std::string& fingerprintAlgorithm, const std::string& fingerprint) {
  if (state_ != State::fresh) return;
  state_ = State::connecting;
  isClient_ = isClient;
  fingerprintAlgorithm_ = fingerprintAlgorithm;
  fingerprint_ = fingerprint;
  if (isClient) {
    SSL_set_connect_state(ssl_);
  } else {
    SSL_set_accept_state(ssl_);
  }
  advance();
  std::deque<std::vector<uint8_t>> early;
  early.swap(early_);
  for (const std::vector<uint8_t>& record : early) receive(record.data(), record.size());
}

void DtlsEndpoint::receive(const uint8_t* data, size_t size) {
  if (!holdsWholeRecords({data, size}, minimumEncryptedBytes())) return listener_.onDtlsDropped(Drop::dtlsRecord);
  if (state_ == State::fresh) {
    if (early_.size() >= kMaximumEarlyRecords) return listener_.onDtlsDropped(Drop::beforeDtls);
    early_.emplace_back(data, data + size);
    return;
  }
  if (state_ == State::closed || state_ == State::failed) return;
  ERR_clear_error();
  BIO_write(SSL_get_rbio(ssl_), data, static_cast<int>(size));
  advance();
}

size_t DtlsEndpoint::minimumEncryptedBytes() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_);
  const bool isChaCha = cipher && SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305;
  // Before there is a cipher the first encrypted record ends the handshake, and is longer than either.
  return isChaCha ? kTagBytes : kTagBytes + kGcmNonceBytes;
}

void DtlsEndpoint::advance() {
  if (state_ == State::connecting) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    if (result == 1) {
      finishHandshake();
    } else {
      const int error = SSL_get_error(ssl_, result);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return fail(takeErrors());
    }
  }
  if (state_ == State::connected) readApplicationData();
  armTimer();
}

void DtlsEndpoint::readApplicationData() {
  // One per I/O thread: nothing here runs inside itself.
  static thread_local std::array<uint8_t, kMaximumRecordBytes> buffer;
  while (state_ == State::connected) {
    ERR_clear_error();
    const int size = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    if (size > 0) {
      listener_.onDtlsData(buffer.data(), static_cast<size_t>(size));
      continue;
    }
    const int error = SSL_get_error(ssl_, size);
    if (error == SSL_ERROR_ZERO_RETURN) {
      close();
      listener_.onDtlsClosed();
    } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      fail(takeErrors());
    }
    return;
  }
}

void DtlsEndpoint::finishHandshake() {
  const SRTP_PROTECTION_PROFILE* profile = SSL_get_selected_srtp_profile(ssl_);
  SrtpKeys keys;
  if (profile) {
    keys.profile = profile->name;
    const SrtpSession::KeySizes sizes = SrtpSession::keySizes(keys.profile);
    std::vector<uint8_t> material(2 * (sizes.key + sizes.salt));
    static constexpr char kLabel[] = "EXTRACTOR-dtls_srtp";
    if (SSL_export_keying_material(ssl_, material.data(), material.size(), kLabel, sizeof kLabel - 1, nullptr, 0, 0) !=
        1) {
      return fail("no keys for SRTP");
    }
    // Client key, server key, client salt, server salt (RFC 5764, section 4.2).
    const auto join = [&](size_t index) {
      std::vector<uint8_t> joined(material.begin() + static_cast<ptrdiff_t>(index * sizes.key),
                                  material.begin() + static_cast<ptrdiff_t>((index + 1) * sizes.key));
      const size_t salt = 2 * sizes.key + index * sizes.salt;
      joined.insert(joined.end(), material.begin() + static_cast<ptrdiff_t>(salt),
                    material.begin() + static_cast<ptrdiff_t>(salt + sizes.salt));
      return joined;
    };
    keys.local = join(isClient_ ? 0 : 1);
    keys.remote = join(isClient_ ? 1 : 0);
    OPENSSL_cleanse(material.data(), material.size());
  }
  state_ = State::connected;
  listener_.onDtlsConnected(keys);
}

bool DtlsEndpoint::send(const uint8_t* data, size_t size) {
  if (state_ != State::connected) return false;
  ERR_clear_error();
  return SSL_write(ssl_, data, static_cast<int>(size)) == static_cast<int>(size);
}

void DtlsEndpoint::close() {
  timer_.cancel();
  if (state_ == State::connected) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
  if (state_ != State::failed) state_ = State::closed;
}

void DtlsEndpoint::fail(const std::string& reason) {
  timer_.cancel();
  state_ = State::failed;
  listener_.onDtlsFailed(fingerprintMismatch_ ? "the certificate does not match the fingerprint" : reason);
}

void DtlsEndpoint::armTimer() {
  timeval left{};
  if (state_ == State::connecting && DTLSv1_get_timeout(ssl_, &left) == 1) {
    timer_.set(left.tv_sec * 1000 + left.tv_usec / 1000 + 1);
  } else {
    timer_.cancel();
  }
}

void DtlsEndpoint::onTimer() {
  ERR_clear_error();
  if (DTLSv1_handle_timeout(ssl_) < 0) return fail("the handshake was not answered");
  armTimer();
}

int DtlsEndpoint::verifyCertificate(X509_STORE_CTX* store, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* endpoint = static_cast<DtlsEndpoint*>(SSL_get_app_data(ssl));
  const std::optional<std::string> found =
      fingerprintOf(X509_STORE_CTX_get0_cert(store), endpoint->fingerprintAlgorithm_);
  if (found && *found == endpoint->fingerprint_) return 1;
  endpoint->fingerprintMismatch_ = true;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  return 0;
}

std::string DtlsEndpoint::cipher() const {
  const SSL_CIPHER* cipher = state_ == State::connected ? SSL_get_current_cipher(ssl_) : nullptr;
  return cipher ? SSL_CIPHER_standard_name(cipher) : "";
}

std::string DtlsEndpoint::version() const {
  if (state_ != State::connected) return "";
  char text[5] = "";
  std::snprintf(text, sizeof text, "%04X", static_cast<unsigned int>(SSL_version(ssl_)) & 0xffff);
  return text;
}

CertificateStats DtlsEndpoint::remoteCertificate() const {
  return describeCertificate(state_ == State::connected ? SSL_get0_peer_certificate(ssl_) : nullptr);
}

}  // namespace troupe::transport
