#include "Dcep.hpp"

#include <doctest/doctest.h>

using namespace troupe::transport;

TEST_CASE("an OPEN is read as it was written, in every kind") {
  for (const bool ordered : {true, false}) {
    for (const int kind : {0, 1, 2}) {
      DcepOpen open;
      open.label = "label";
      open.options.protocol = "protocol";
      open.options.ordered = ordered;
      if (kind == 1) open.options.maxRetransmits = 0;
      if (kind == 2) open.options.maxPacketLifeTimeMs = 65535;
      const std::optional<DcepOpen> read = readDcepOpen(writeDcepOpen(open));
      REQUIRE(read);
      CHECK(read->label == open.label);
      CHECK(read->options.protocol == open.options.protocol);
      CHECK(read->options.ordered == ordered);
      CHECK(read->options.maxRetransmits == open.options.maxRetransmits);
      CHECK(read->options.maxPacketLifeTimeMs == open.options.maxPacketLifeTimeMs);
    }
  }
}

TEST_CASE("an OPEN that is cut short anywhere is nothing") {
  DcepOpen open;
  open.label = "label";
  const std::vector<uint8_t> message = writeDcepOpen(open);
  for (size_t size = 0; size < message.size(); ++size) {
    CHECK_FALSE(readDcepOpen(std::span(message.data(), size)));
  }
}

TEST_CASE("an ACK is one byte") {
  CHECK(isDcepAck(writeDcepAck()));
  // As Pion writes it.
  CHECK(isDcepAck(std::vector<uint8_t>{2, 0, 0, 0}));
  CHECK_FALSE(isDcepAck(std::vector<uint8_t>{3}));
  CHECK_FALSE(isDcepAck({}));
}
