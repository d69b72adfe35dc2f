#include "SrtpAesGcm.hpp"

#include <openssl/evp.h>
#include <srtp2/cipher.h>
#include <srtp2/srtp.h>

#include <array>
#include <cstdint>
#include <memory>

namespace troupe::transport {

namespace {

constexpr size_t kIvBytes = 12;
constexpr int kShortTagBytes = 8;
constexpr int kTagBytes = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

/** A cipher of one key, in the form that libsrtp holds. */
struct AesGcmCipher {
  srtp_cipher_t handle{};
  const EVP_CIPHER* algorithm = nullptr;
  std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context{EVP_CIPHER_CTX_new()};
  uint32_t tagBytes = 0;
};

AesGcmCipher& of(void* state) { return *static_cast<AesGcmCipher*>(state); }

srtp_err_status_t statusOf(bool succeeded, srtp_err_status_t failure) {
  return succeeded ? srtp_err_status_ok : failure;
}

extern const srtp_cipher_type_t kAesGcm128;
extern const srtp_cipher_type_t kAesGcm256;

srtp_err_status_t allocate(srtp_cipher_t** out, int keyBytes, int tagBytes) {
  const bool isShort = keyBytes == SRTP_AES_GCM_128_KEY_LEN_WSALT;
  if (!isShort && keyBytes != SRTP_AES_GCM_256_KEY_LEN_WSALT) return srtp_err_status_bad_param;
  if (tagBytes != kShortTagBytes && tagBytes != kTagBytes) return srtp_err_status_bad_param;
  auto cipher = std::make_unique<AesGcmCipher>();
  if (!cipher->context) return srtp_err_status_alloc_fail;
  cipher->algorithm = isShort ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
  cipher->tagBytes = static_cast<uint32_t>(tagBytes);
  cipher->handle.type = isShort ? &kAesGcm128 : &kAesGcm256;
  cipher->handle.algorithm = isShort ? SRTP_AES_GCM_128 : SRTP_AES_GCM_256;
  cipher->handle.key_len = keyBytes;
  cipher->handle.state = cipher.get();
  *out = &cipher.release()->handle;
  return srtp_err_status_ok;
}

srtp_err_status_t deallocate(srtp_cipher_t* handle) {
  delete &of(handle->state);
  return srtp_err_status_ok;
}

srtp_err_status_t setKey(void* state, const uint8_t* key) {
  AesGcmCipher& cipher = of(state);
  return statusOf(EVP_CipherInit_ex(cipher.context.get(), cipher.algorithm, nullptr, key, nullptr, -1) == 1,
                  srtp_err_status_init_fail);
}

srtp_err_status_t setIv(void* state, uint8_t* iv, srtp_cipher_direction_t direction) {
  if (direction == srtp_direction_any) return srtp_err_status_bad_param;
  const int encrypts = direction == srtp_direction_encrypt ? 1 : 0;
  return statusOf(EVP_CipherInit_ex(of(state).context.get(), nullptr, nullptr, nullptr, iv, encrypts) == 1,
                  srtp_err_status_cipher_fail);
}

srtp_err_status_t addAdditionalData(void* state, const uint8_t* data, uint32_t size) {
  int written = 0;
  return statusOf(size == 0 || EVP_CipherUpdate(of(state).context.get(), nullptr, &written, data, static_cast<int>(size)) == 1,
                  srtp_err_status_algo_fail);
}

bool apply(EVP_CIPHER_CTX* context, uint8_t* data, uint32_t size) {
  int written = 0;
  return size == 0 || EVP_CipherUpdate(context, data, &written, data, static_cast<int>(size)) == 1;
}

srtp_err_status_t encrypt(void* state, uint8_t* data, unsigned int* size) {
  return statusOf(apply(of(state).context.get(), data, *size), srtp_err_status_cipher_fail);
}

srtp_err_status_t takeTag(void* state, uint8_t* tag, uint32_t* size) {
  AesGcmCipher& cipher = of(state);
  uint8_t none = 0;
  int written = 0;
  *size = cipher.tagBytes;
  return statusOf(EVP_CipherFinal_ex(cipher.context.get(), &none, &written) == 1 &&
                      EVP_CIPHER_CTX_ctrl(cipher.context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(*size), tag) == 1,
                  srtp_err_status_cipher_fail);
}

srtp_err_status_t decrypt(void* state, uint8_t* data, unsigned int* size) {
  AesGcmCipher& cipher = of(state);
  EVP_CIPHER_CTX* context = cipher.context.get();
  if (*size < cipher.tagBytes) return srtp_err_status_bad_param;
  *size -= cipher.tagBytes;
  uint8_t none = 0;
  int written = 0;
  return statusOf(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, static_cast<int>(cipher.tagBytes), data + *size) == 1 &&
                      apply(context, data, *size) && EVP_CipherFinal_ex(context, &none, &written) == 1,
                  srtp_err_status_auth_fail);
}

// Test cases 2 and 14 of "The Galois/Counter Mode of Operation" (McGrew and Viega, 2004): everything that goes in is
// zero. libsrtp wants one of a new cipher, and tries it with those of the cipher that it replaces besides.
constexpr size_t kTestBytes = 16;
constexpr std::array<uint8_t, SRTP_AES_GCM_256_KEY_LEN_WSALT> kZeros{};
// libsrtp declares it as what may be written to.
std::array<uint8_t, kIvBytes> testIv{};
using Sealed = std::array<uint8_t, kTestBytes + kTagBytes>;
constexpr Sealed kSealed128 = {0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92, 0xf3, 0x28, 0xc2, 0xb9, 0x71, 0xb2, 0xfe, 0x78,
                               0xab, 0x6e, 0x47, 0xd4, 0x2c, 0xec, 0x13, 0xbd, 0xf5, 0x3a, 0x67, 0xb2, 0x12, 0x57, 0xbd, 0xdf};
constexpr Sealed kSealed256 = {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18,
                               0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19};

srtp_cipher_test_case_t testCase(int keyBytes, const Sealed& sealed) {
  srtp_cipher_test_case_t test{};
  test.key_length_octets = keyBytes;
  test.key = test.plaintext = test.aad = kZeros.data();
  test.idx = testIv.data();
  test.plaintext_length_octets = kTestBytes;
  test.ciphertext_length_octets = sealed.size();
  test.ciphertext = sealed.data();
  test.tag_length_octets = kTagBytes;
  return test;
}

const srtp_cipher_test_case_t kTest128 = testCase(SRTP_AES_GCM_128_KEY_LEN_WSALT, kSealed128);
const srtp_cipher_test_case_t kTest256 = testCase(SRTP_AES_GCM_256_KEY_LEN_WSALT, kSealed256);

constexpr srtp_cipher_type_t typeOf(srtp_cipher_type_id_t id, const srtp_cipher_test_case_t& test) {
  return {allocate, deallocate, setKey, addAdditionalData, encrypt, decrypt, setIv, takeTag, "AES-GCM by OpenSSL", &test, id};
}

const srtp_cipher_type_t kAesGcm128 = typeOf(SRTP_AES_GCM_128, kTest128);
const srtp_cipher_type_t kAesGcm256 = typeOf(SRTP_AES_GCM_256, kTest256);

}  // namespace

bool useOpensslForAesGcm() {
  return srtp_replace_cipher_type(&kAesGcm128, SRTP_AES_GCM_128) == srtp_err_status_ok &&
         srtp_replace_cipher_type(&kAesGcm256, SRTP_AES_GCM_256) == srtp_err_status_ok;
}

}  // namespace troupe::transport
