#include "AesGcm.hpp"

#include <openssl/evp.h>

#include <stdexcept>

namespace troupe {

namespace {

constexpr size_t kShortKeyBytes = 16;
constexpr size_t kLongKeyBytes = 32;

const EVP_CIPHER* cipherFor(size_t keyBytes) {
  if (keyBytes == kShortKeyBytes) return EVP_aes_128_gcm();
  if (keyBytes == kLongKeyBytes) return EVP_aes_256_gcm();
  throw std::invalid_argument("Expected a key of 16 or 32 bytes");
}

}  // namespace

void AesGcm::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

AesGcm::AesGcm(std::span<const uint8_t> key) : sealing_(EVP_CIPHER_CTX_new()), opening_(EVP_CIPHER_CTX_new()) {
  const EVP_CIPHER* cipher = cipherFor(key.size());
  if (!sealing_ || !opening_ || EVP_EncryptInit_ex(sealing_.get(), cipher, nullptr, key.data(), nullptr) != 1 ||
      EVP_DecryptInit_ex(opening_.get(), cipher, nullptr, key.data(), nullptr) != 1) {
    throw std::runtime_error("AES-GCM is not to be had");
  }
}

AesGcm::~AesGcm() = default;
AesGcm::AesGcm(AesGcm&&) noexcept = default;
AesGcm& AesGcm::operator=(AesGcm&&) noexcept = default;

bool AesGcm::seal(std::span<const uint8_t, kIvBytes> iv, std::span<const uint8_t> additional,
                  std::span<const uint8_t> plain, uint8_t* out) {
  EVP_CIPHER_CTX* context = sealing_.get();
  int written = 0;
  uint8_t none = 0;
  return EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, iv.data()) == 1 &&
         EVP_EncryptUpdate(context, nullptr, &written, additional.data(), static_cast<int>(additional.size())) == 1 &&
         (plain.empty() ||
          EVP_EncryptUpdate(context, out, &written, plain.data(), static_cast<int>(plain.size())) == 1) &&
         EVP_EncryptFinal_ex(context, &none, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, kTagBytes, out + plain.size()) == 1;
}

bool AesGcm::open(std::span<const uint8_t, kIvBytes> iv, std::span<const uint8_t> additional,
                  std::span<const uint8_t> sealed, uint8_t* out) {
  if (sealed.size() < kTagBytes) return false;
  EVP_CIPHER_CTX* context = opening_.get();
  const auto ciphertext = sealed.first(sealed.size() - kTagBytes);
  const auto tag = sealed.last(kTagBytes);
  int written = 0;
  uint8_t none = 0;
  return EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, iv.data()) == 1 &&
         EVP_DecryptUpdate(context, nullptr, &written, additional.data(), static_cast<int>(additional.size())) == 1 &&
         (ciphertext.empty() ||
          EVP_DecryptUpdate(context, out, &written, ciphertext.data(), static_cast<int>(ciphertext.size())) == 1) &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, kTagBytes, const_cast<uint8_t*>(tag.data())) == 1 &&
         EVP_DecryptFinal_ex(context, &none, &written) == 1;
}

}  // namespace troupe
