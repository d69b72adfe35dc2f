#include "Certificate.hpp"

#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>

using namespace troupe::transport;

namespace {

std::string textOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

struct Pem {
  std::string certificate;
  std::string key;
};

/** A certificate of a new P-256 key that is in date until so many seconds from now. */
Pem makePem(long validSeconds) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), validSeconds - 1000);
  X509_gmtime_adj(X509_getm_notAfter(certificate), validSeconds);
  X509_set_pubkey(certificate, key);
  REQUIRE(X509_sign(certificate, key, EVP_sha256()) > 0);
  BIO* keyText = BIO_new(BIO_s_mem());
  BIO* certificateText = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(keyText, key, nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_bio_X509(certificateText, certificate);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {textOf(certificateText), textOf(keyText)};
}

}  // namespace

TEST_CASE("a certificate in PEM has the fingerprint that the statistics tell") {
  const Pem pem = makePem(500);
  const auto certificate = Certificate::fromPem(pem.certificate, pem.key);
  const CertificateStats stats = describeCertificate(certificate->x509());
  CHECK(stats.fingerprint == certificate->fingerprint());
  CHECK(stats.fingerprintAlgorithm == "sha-256");
  CHECK(stats.base64Certificate.size() % 4 == 0);
  // PEM is the same base64 in lines.
  CHECK(pem.certificate.find(stats.base64Certificate.substr(0, 64)) != std::string::npos);
}

TEST_CASE("a certificate that is out of date is refused, and one with the key of another") {
  const Pem pem = makePem(-1);
  CHECK_THROWS_WITH_AS(Certificate::fromPem(pem.certificate, pem.key),
                       "Expected a certificate that has not expired", InvalidParameters);
  CHECK_THROWS_AS(Certificate::fromPem(makePem(500).certificate, makePem(500).key), InvalidParameters);
}
