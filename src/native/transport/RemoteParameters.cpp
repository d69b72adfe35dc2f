#include "RemoteParameters.hpp"

#include <algorithm>
#include <cctype>

#include "Certificate.hpp"

namespace troupe::transport {

namespace {

// RFC 8839, section 5.4.
constexpr size_t kMinimumUfragBytes = 4;
constexpr size_t kMinimumPasswordBytes = 22;
constexpr size_t kMaximumCredentialBytes = 256;

bool isIceText(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char character) {
    return std::isalnum(character) || character == '+' || character == '/' || character == '-' || character == '_' ||
           character == '=';
  });
}

bool isFingerprint(const std::string& text) {
  if (text.size() < 2 || (text.size() + 1) % 3 != 0) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto character = static_cast<unsigned char>(text[i]);
    if (i % 3 == 2 ? character != ':' : !std::isxdigit(character)) return false;
  }
  return true;
}

}  // namespace

void checkRemoteParameters(TransportParameters& parameters) {
  const auto within = [](const std::string& text, size_t minimum) {
    return text.size() >= minimum && text.size() <= kMaximumCredentialBytes && isIceText(text);
  };
  if (!within(parameters.iceUfrag, kMinimumUfragBytes)) {
    throw InvalidParameters("Expected 4 to 256 ICE characters for iceUfrag");
  }
  if (!within(parameters.icePwd, kMinimumPasswordBytes)) {
    throw InvalidParameters("Expected 22 to 256 ICE characters for icePwd");
  }
  if (!isAcceptedDigest(parameters.fingerprintAlgorithm)) {
    throw InvalidParameters("Expected sha-256, sha-384 or sha-512 for fingerprint.algorithm");
  }
  if (!isFingerprint(parameters.fingerprint)) {
    throw InvalidParameters("Expected hexadecimal pairs with colons for fingerprint.value");
  }
  std::transform(parameters.fingerprint.begin(), parameters.fingerprint.end(), parameters.fingerprint.begin(),
                 [](unsigned char character) { return static_cast<char>(std::toupper(character)); });
}

}  // namespace troupe::transport
