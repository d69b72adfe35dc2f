// Any bytes as the payload of a redundant-audio packet: what is found lies inside them.

#include <cstdint>

#include "FuzzInput.hpp"
#include "RedPayload.hpp"

using namespace troupe;
using test::require;

namespace {
void requireInside(std::span<const uint8_t> part, const uint8_t* data, size_t size) {
  if (part.empty()) return;
  require(part.data() >= data && part.data() + part.size() <= data + size);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  RedPayload red;
  if (!RedPayload::parse({data, size}, red)) return 0;
  requireInside(red.primary().data, data, size);
  size_t total = red.primary().data.size();
  for (const RedBlock& copy : red.copies()) {
    requireInside(copy.data, data, size);
    require(!copy.data.empty() && copy.timestampOffset > 0);
    total += copy.data.size();
  }
  require(total < size);
  return 0;
}
