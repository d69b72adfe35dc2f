#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "Certificate.hpp"
#include "Drops.hpp"
#include "IoThread.hpp"
#include "IoTimer.hpp"

namespace troupe::transport {

/** Keys and profile for SRTP out of a finished handshake (RFC 5764). */
struct SrtpKeys {
  std::string profile;
  /** Master key followed by master salt. */
  std::vector<uint8_t> local;
  std::vector<uint8_t> remote;
};

/** What a DTLS endpoint reports, on the I/O thread. */
class DtlsListener {
 public:
  virtual ~DtlsListener() = default;
  virtual bool sendDtls(const uint8_t* data, size_t size) = 0;
  virtual void onDtlsConnected(const SrtpKeys& keys) = 0;
  virtual void onDtlsData(const uint8_t* data, size_t size) = 0;
  /** A datagram was dropped: it is no DTLS, or one too many before the start. */
  virtual void onDtlsDropped(Drop reason) = 0;
  /** The far side said that it closes. */
  virtual void onDtlsClosed() = 0;
  virtual void onDtlsFailed(const std::string& reason) = 0;
};

/**
 * DTLS 1.2 over datagrams that someone else carries. The fingerprint is checked inside the handshake, so nothing of a
 * wrong peer gets past it. All on the I/O thread.
 */
class DtlsEndpoint {
 public:
  enum class State { fresh, connecting, connected, closed, failed };

  DtlsEndpoint(IoThread& thread, std::shared_ptr<const Certificate> certificate, DtlsListener& listener);
  ~DtlsEndpoint();
  DtlsEndpoint(const DtlsEndpoint&) = delete;
  DtlsEndpoint& operator=(const DtlsEndpoint&) = delete;

  /** Begins the handshake; records that came before are handled now. */
  void start(bool isClient, const std::string& fingerprintAlgorithm, const std::string& fingerprint);
  /** A datagram of the far side; held, within a bound, before the start. */
  void receive(const uint8_t* data, size_t size);
  /** One datagram of application data. */
  bool send(const uint8_t* data, size_t size);
  /** Says so to the far side, once. */
  void close();

  State state() const { return state_; }
  bool isClient() const { return isClient_; }
  const Certificate& certificate() const { return *certificate_; }
  /** The name of the cipher suite in IANA's registry. */
  std::string cipher() const;
  /** The two bytes of the version in hexadecimal: `FEFD`. */
  std::string version() const;
  CertificateStats remoteCertificate() const;

 private:
  size_t minimumEncryptedBytes() const;
  void advance();
  void readApplicationData();
  void finishHandshake();
  void fail(const std::string& reason);
  void armTimer();
  void onTimer();

  static int verifyCertificate(X509_STORE_CTX* store, void* unused);
  static SSL_CTX* sharedContext();
  static SSL_CTX* makeContext();
  static const BIO_METHOD* writeMethod();

  const std::shared_ptr<const Certificate> certificate_;
  DtlsListener& listener_;
  IoTimer timer_;
  SSL* ssl_;
  State state_ = State::fresh;
  bool isClient_ = false;
  bool fingerprintMismatch_ = false;
  std::string fingerprintAlgorithm_;
  std::string fingerprint_;
  std::deque<std::vector<uint8_t>> early_;
};

}  // namespace troupe::transport
