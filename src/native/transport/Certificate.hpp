#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <string>

namespace troupe::transport {

/** The certificate of this process: ECDSA P-256, self-signed, made at the first use (RFC 8827, section 6.5). */
class Certificate {
 public:
  static const Certificate& ofProcess();

  X509* x509() const { return certificate_; }
  EVP_PKEY* key() const { return key_; }
  /** SHA-256, upper-case hexadecimal with colons. */
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  Certificate();

  EVP_PKEY* key_;
  X509* certificate_;
  std::string fingerprint_;
};

/** The fingerprint of `certificate` as SDP writes it (RFC 8122); nothing for a digest that is not safe or not known. */
std::optional<std::string> fingerprintOf(X509* certificate, const std::string& algorithm);

/** Whether fingerprints by `algorithm` are accepted: SHA-2 only. */
bool isAcceptedDigest(const std::string& algorithm);

}  // namespace troupe::transport
