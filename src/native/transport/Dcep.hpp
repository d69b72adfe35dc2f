#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "Types.hpp"

namespace troupe::transport {

/** A DATA_CHANNEL_OPEN message (RFC 8832, section 5.1). */
struct DcepOpen {
  std::string label;
  /** Its id is the stream's. */
  ChannelOptions options;
};

std::vector<uint8_t> writeDcepOpen(const DcepOpen& open);
std::vector<uint8_t> writeDcepAck();

bool isDcepAck(std::span<const uint8_t> message);
/** Nothing when the message is not an OPEN, or is cut short. */
std::optional<DcepOpen> readDcepOpen(std::span<const uint8_t> message);

}  // namespace troupe::transport
