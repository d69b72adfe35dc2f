// Any bytes as a datagram of DTLS: it is read as far as it goes, and what passes is nothing but whole records.

#include <cstdint>
#include <vector>

#include "../engine/FuzzInput.hpp"
#include "DtlsRecords.hpp"

using namespace troupe::transport;
using troupe::test::require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of the exact size, so that the sanitizer sees a read one byte too far.
  const std::vector<uint8_t> datagram(data, data + size);
  constexpr size_t kMinimum = 24;
  const bool isWhole = holdsWholeRecords(datagram, kMinimum);
  if (isWhole) require(size >= 13 && holdsWholeRecords(datagram, 0));
  // A byte less is never whole too, unless the last record was the header alone.
  if (isWhole && size > 13) {
    const auto shorter = std::span<const uint8_t>(datagram).first(size - 1);
    require(!holdsWholeRecords(shorter, kMinimum));
  }
  // Two of them make one.
  std::vector<uint8_t> twice = datagram;
  twice.insert(twice.end(), datagram.begin(), datagram.end());
  if (isWhole) require(holdsWholeRecords(twice, kMinimum));
  return 0;
}
