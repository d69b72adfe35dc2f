#pragma once

#include <srtp2/srtp.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace troupe::transport {

enum class UnprotectResult { ok, replay, failed };

/** The SRTP contexts of one transport (RFC 3711, RFC 7714): one out, for any thread, one in, for the I/O thread. */
class SrtpSession {
 public:
  struct KeySizes {
    size_t key;
    size_t salt;
  };
  /** What protection adds at most. */
  static constexpr size_t kTrailerBytes = SRTP_MAX_TRAILER_LEN + 4;

  /** The profiles that the linked libsrtp can do, in the form that OpenSSL wants, the preferred first. */
  static const std::string& profiles();
  static KeySizes keySizes(const std::string& profile);

  /** Keys are master key and salt in one. Throws std::runtime_error when libsrtp refuses them. */
  SrtpSession(const std::string& profile, const std::vector<uint8_t>& localKey, const std::vector<uint8_t>& remoteKey);
  ~SrtpSession();
  SrtpSession(const SrtpSession&) = delete;
  SrtpSession& operator=(const SrtpSession&) = delete;

  /** Protects the packet in `buffer` in place; `size` becomes what to send. The buffer has room for the trailer. */
  bool protectRtp(uint8_t* buffer, size_t& size);
  bool protectRtcp(uint8_t* buffer, size_t& size);
  UnprotectResult unprotectRtp(uint8_t* data, size_t& size);
  UnprotectResult unprotectRtcp(uint8_t* data, size_t& size);

 private:
  std::mutex outboundMutex_;
  srtp_t outbound_ = nullptr;
  srtp_t inbound_ = nullptr;
};

}  // namespace troupe::transport
