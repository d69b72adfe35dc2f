#include "Certificate.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
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
constexpr int kMinimumRsaBits = 2048;

using BioPointer = std::unique_ptr<BIO, decltype(&BIO_free)>;

const EVP_MD* digestOf(std::string algorithm) {
  for (char& character : algorithm) character = static_cast<char>(std::tolower(static_cast<unsigned char>(character)));
  if (algorithm == "sha-256") return EVP_sha256();
  if (algorithm == "sha-384") return EVP_sha384();
  if (algorithm == "sha-512") return EVP_sha512();
  return nullptr;
}

BioPointer readerOf(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

// OpenSSL would ask on the terminal.
int refusePassword(char*, int, int, void*) { return -1; }

bool isUsableKey(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "RSA")) return EVP_PKEY_get_bits(key) >= kMinimumRsaBits;
  if (!EVP_PKEY_is_a(key, "EC")) return false;
  char group[64] = "";
  size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) != 1) return false;
  const std::string name(group);
  return name == "prime256v1" || name == "secp384r1" || name == "secp521r1";
}

std::optional<CertificateFault> faultIn(X509* certificate, EVP_PKEY* key) {
  if (!certificate) return CertificateFault{"certificate", "a certificate in PEM"};
  if (!key) return CertificateFault{"key", "a private key in PEM that is not encrypted"};
  if (!isUsableKey(key)) {
    return CertificateFault{"key", "a key of ECDSA on P-256, P-384 or P-521, or of RSA with 2048 bits or more"};
  }
  if (X509_check_private_key(certificate, key) != 1) return CertificateFault{"key", "the private key of the certificate"};
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    return CertificateFault{"certificate", "a certificate that has not expired"};
  }
  return std::nullopt;
}

}  // namespace

const std::shared_ptr<const Certificate>& Certificate::ofProcess() {
  // Never destroyed: threads of other environments may use it until the process ends.
  static const auto* certificate = new std::shared_ptr<const Certificate>(makeSelfSigned());
  return *certificate;
}

std::shared_ptr<const Certificate> Certificate::makeSelfSigned() {
  std::shared_ptr<Certificate> made(new Certificate(X509_new(), EVP_EC_gen("P-256")));
  uint64_t serial = 0;
  if (!made->key_ || !made->certificate_ || RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) {
    throw std::runtime_error("OpenSSL could not make a key");
  }
  X509* certificate = made->certificate_;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kBackdatedSeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), kValidSeconds);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("troupe"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, made->key_);
  if (X509_sign(certificate, made->key_, EVP_sha256()) == 0) throw std::runtime_error("OpenSSL could not sign");
  made->fingerprint_ = fingerprintOf(certificate, "sha-256").value();
  return made;
}

std::shared_ptr<Certificate> Certificate::read(const std::string& certificate, const std::string& key) {
  X509* x509 = PEM_read_bio_X509(readerOf(certificate).get(), nullptr, refusePassword, nullptr);
  EVP_PKEY* privateKey = PEM_read_bio_PrivateKey(readerOf(key).get(), nullptr, refusePassword, nullptr);
  std::shared_ptr<Certificate> made(new Certificate(x509, privateKey));
  // Errors of the reading: a later handshake of this thread must not take them for its own.
  ERR_clear_error();
  return made;
}

std::optional<CertificateFault> Certificate::faultOf(const std::string& certificate, const std::string& key) {
  const std::shared_ptr<Certificate> made = read(certificate, key);
  const std::optional<CertificateFault> fault = faultIn(made->certificate_, made->key_);
  ERR_clear_error();
  return fault;
}

std::shared_ptr<const Certificate> Certificate::fromPem(const std::string& certificate, const std::string& key) {
  const std::shared_ptr<Certificate> made = read(certificate, key);
  const std::optional<CertificateFault> fault = faultIn(made->certificate_, made->key_);
  ERR_clear_error();
  if (fault) throw InvalidParameters(std::string("Expected ") + fault->expected);
  made->fingerprint_ = fingerprintOf(made->certificate_, "sha-256").value();
  return made;
}

Certificate::Certificate(X509* certificate, EVP_PKEY* key) : certificate_(certificate), key_(key) {}

Certificate::~Certificate() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
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

CertificateStats describeCertificate(X509* certificate) {
  CertificateStats stats;
  if (!certificate) return stats;
  stats.fingerprintAlgorithm = "sha-256";
  stats.fingerprint = fingerprintOf(certificate, stats.fingerprintAlgorithm).value_or("");
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return stats;
  // Four characters for each three bytes begun, and the zero that OpenSSL adds.
  std::string text(static_cast<size_t>((size + 2) / 3 * 4 + 1), '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), der, size);
  OPENSSL_free(der);
  text.resize(static_cast<size_t>(length));
  stats.base64Certificate = std::move(text);
  return stats;
}

}  // namespace troupe::transport
