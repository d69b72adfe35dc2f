#pragma once
// Walks a compound (or reduced-size, RFC 5506) RTCP packet and tells a visitor what is in it.

#include <cstddef>
#include <cstdint>
#include <span>

#include "RtcpVisitor.hpp"

namespace troupe {

class RtcpParser {
 public:
  struct Result {
    /** Packets of the compound that were told to the visitor. */
    uint32_t packets = 0;
    /** Packets of types or formats that we do not know. */
    uint32_t skipped = 0;
    /** 1 when the bytes ended early or a packet lied about its contents; what came before was told. */
    uint32_t malformed = 0;
  };

  static Result parse(std::span<const uint8_t> data, RtcpVisitor& visitor);
};

}  // namespace troupe
