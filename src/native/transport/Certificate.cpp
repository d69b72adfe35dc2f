#include "Certificate.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <cctype>
#include <cstdint>
#include <stdexcept>

namespace troupe::transport {

namespace {

constexpr long kValidSeconds = 30L * 24 * 3600;
// Clocks of other machines may be behind.
constexpr long kBackdatedSeconds = 24L * 3600;

const EVP_MD* digestOf(std::string algorithm) {
  for (char& character : algorithm) character = static_cast<char>(std::tolower(static_cast<unsigned char>(character)));
  if (algorithm == "sha-256") return EVP_sha256();
  if (algorithm == "sha-384") return EVP_sha384();
  if (algorithm == "sha-512") return EVP_sha512();
  return nullptr;
}

}  // namespace

const Certificate& Certificate::ofProcess() {
  // Never destroyed: threads of other environments may use it until the process ends.
  static const Certificate* certificate = new Certificate();
  return *certificate;
}

Certificate::Certificate() : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
  uint64_t serial = 0;
  if (!key_ || !certificate_ || RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) {
    throw std::runtime_error("OpenSSL could not make a key");
  }
  X509_set_version(certificate_, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate_), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate_), -kBackdatedSeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate_), kValidSeconds);
  X509_NAME* name = X509_get_subject_name(certificate_);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("troupe"), -1, -1, 0);
  X509_set_issuer_name(certificate_, name);
  X509_set_pubkey(certificate_, key_);
  if (X509_sign(certificate_, key_, EVP_sha256()) == 0) throw std::runtime_error("OpenSSL could not sign");
  fingerprint_ = fingerprintOf(certificate_, "sha-256").value();
}

bool isAcceptedDigest(const std::string& algorithm) { return digestOf(algorithm) != nullptr; }

std::optional<std::string> fingerprintOf(X509* certificate, const std::string& algorithm) {
  const EVP_MD* digest = digestOf(algorithm);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (!digest || X509_digest(certificate, digest, bytes, &size) != 1) return std::nullopt;
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    if (i > 0) text += ':';
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace troupe::transport
