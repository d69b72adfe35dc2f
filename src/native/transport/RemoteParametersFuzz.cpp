// Any texts as what a far side's description says of its transport: refused, or within the bounds of RFC 8839.

#include <cctype>
#include <cstdint>
#include <string>

#include "../engine/FuzzInput.hpp"
#include "RemoteParameters.hpp"

using namespace troupe::transport;
using troupe::test::FuzzInput;
using troupe::test::require;

namespace {

std::string text(FuzzInput& input, size_t bytes) {
  const auto taken = input.bytes(bytes);
  return {taken.begin(), taken.end()};
}

void requireIceText(const std::string& value, size_t least) {
  require(value.size() >= least && value.size() <= 256);
  require(value.find_first_of(std::string(" \r\n:\0", 5)) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput input(data, size);
  TransportParameters parameters;
  parameters.iceUfrag = text(input, input.number16() % 300);
  parameters.icePwd = text(input, input.number16() % 300);
  parameters.fingerprintAlgorithm = text(input, input.byte() % 16);
  parameters.fingerprint = text(input, input.number16() % 300);
  try {
    checkRemoteParameters(parameters);
  } catch (const InvalidParameters&) {
    return 0;
  }
  requireIceText(parameters.iceUfrag, 4);
  requireIceText(parameters.icePwd, 22);
  require(!parameters.fingerprint.empty() && (parameters.fingerprint.size() + 1) % 3 == 0);
  for (const char character : parameters.fingerprint) {
    require(character == ':' || std::isdigit(static_cast<unsigned char>(character)) ||
            (character >= 'A' && character <= 'F'));
  }
  return 0;
}
