#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe::transport {

/**
 * Whether a datagram consists of whole DTLS records (RFC 6347, section 4.1), of which the encrypted ones are long enough
 * to be any. OpenSSL takes an encrypted record that is shorter for a fault of its own and ends the association, whoever
 * sent it.
 *
 * @param minimumEncryptedBytes what encryption adds to nothing: explicit nonce and tag
 */
inline bool holdsWholeRecords(std::span<const uint8_t> datagram, size_t minimumEncryptedBytes) {
  constexpr size_t kHeaderBytes = 13;
  constexpr uint8_t kMajorVersion = 0xfe;
  // 2^14 of plaintext and what encryption may add (section 4.1.2 of RFC 5246).
  constexpr size_t kMaximumBytes = (1 << 14) + 2048;
  if (datagram.empty()) return false;
  while (!datagram.empty()) {
    if (datagram.size() < kHeaderBytes || datagram[1] != kMajorVersion) return false;
    const bool isEncrypted = datagram[3] != 0 || datagram[4] != 0;
    const size_t bytes = static_cast<size_t>(datagram[11]) << 8 | datagram[12];
    if (bytes > kMaximumBytes || bytes > datagram.size() - kHeaderBytes) return false;
    if (isEncrypted && bytes < minimumEncryptedBytes) return false;
    datagram = datagram.subspan(kHeaderBytes + bytes);
  }
  return true;
}

}  // namespace troupe::transport
