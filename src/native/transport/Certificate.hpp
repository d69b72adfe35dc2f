#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>

#include "Statistics.hpp"

namespace troupe::transport {

/** What is wrong with a certificate and a key that were given. */
struct CertificateFault {
  /** Which of them: `certificate` or `key`. */
  const char* field;
  const char* expected;
};

/** A certificate with its private key, for DTLS. The key leaves it for OpenSSL alone. */
class Certificate {
 public:
  /** ECDSA P-256, self-signed, made at the first use and for the life of the process (RFC 8827, section 6.5). */
  static const std::shared_ptr<const Certificate>& ofProcess();
  /**
   * The first certificate of `certificate` and the private key of `key`, both in PEM. Throws InvalidParameters when one
   * cannot be read, they do not belong together, the certificate is out of date, or the key is neither ECDSA on P-256,
   * P-384 or P-521 nor RSA of 2048 bits or more.
   */
  static std::shared_ptr<const Certificate> fromPem(const std::string& certificate, const std::string& key);
  /** Why fromPem would throw; nothing where it would not. */
  static std::optional<CertificateFault> faultOf(const std::string& certificate, const std::string& key);

  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  X509* x509() const { return certificate_; }
  EVP_PKEY* key() const { return key_; }
  /** SHA-256, upper-case hexadecimal with colons. */
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  /** Takes both. */
  Certificate(X509* certificate, EVP_PKEY* key);
  static std::shared_ptr<const Certificate> makeSelfSigned();
  /** Null within where one cannot be read. */
  static std::shared_ptr<Certificate> read(const std::string& certificate, const std::string& key);

  X509* certificate_;
  EVP_PKEY* key_;
  std::string fingerprint_;
};

/** The fingerprint of `certificate` as SDP writes it (RFC 8122); nothing for a digest that is not safe or not known. */
std::optional<std::string> fingerprintOf(X509* certificate, const std::string& algorithm);

/** Whether fingerprints by `algorithm` are accepted: SHA-2 only. */
bool isAcceptedDigest(const std::string& algorithm);

/** What the statistics say of it; of null nothing. */
CertificateStats describeCertificate(X509* certificate);

}  // namespace troupe::transport
