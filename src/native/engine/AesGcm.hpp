#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct evp_cipher_ctx_st;

namespace troupe {

/** AES in Galois/Counter Mode (NIST SP 800-38D) under one key, ready to use again and again. Not thread-safe. */
class AesGcm {
 public:
  static constexpr size_t kIvBytes = 12;
  static constexpr size_t kTagBytes = 16;

  /** 16 or 32 bytes; std::invalid_argument for another length. */
  explicit AesGcm(std::span<const uint8_t> key);
  ~AesGcm();
  AesGcm(AesGcm&&) noexcept;
  AesGcm& operator=(AesGcm&&) noexcept;

  /** Writes ciphertext and tag into `out`, which has room for them. False when the library fails. */
  bool seal(std::span<const uint8_t, kIvBytes> iv, std::span<const uint8_t> additional, std::span<const uint8_t> plain,
            uint8_t* out);
  /** The inverse; `sealed` ends with the tag. False when it is not authentic: `out` is then of no meaning. */
  bool open(std::span<const uint8_t, kIvBytes> iv, std::span<const uint8_t> additional,
            std::span<const uint8_t> sealed, uint8_t* out);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  /** One a direction: a change of direction would expand the key anew. */
  std::unique_ptr<evp_cipher_ctx_st, Free> sealing_;
  std::unique_ptr<evp_cipher_ctx_st, Free> opening_;
};

}  // namespace troupe
