// Any bytes as a message of a data channel's own protocol: what is read as an OPEN is read the same from its own bytes.

#include <cstdint>

#include "../engine/FuzzInput.hpp"
#include "Dcep.hpp"

using namespace troupe::transport;
using troupe::test::require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span message(data, size);
  const auto open = readDcepOpen(message);
  require(!open || !isDcepAck(message));
  if (!open) return 0;
  require(open->label.size() + open->options.protocol.size() < size);
  const auto again = readDcepOpen(writeDcepOpen(*open));
  require(again.has_value());
  require(again->label == open->label);
  require(again->options.protocol == open->options.protocol);
  require(again->options.ordered == open->options.ordered);
  require(again->options.maxRetransmits == open->options.maxRetransmits);
  require(again->options.maxPacketLifeTimeMs == open->options.maxPacketLifeTimeMs);
  return 0;
}
