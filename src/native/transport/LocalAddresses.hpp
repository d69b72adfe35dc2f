#pragma once

#include <string>
#include <vector>

namespace troupe::transport {

/** 127.0.0.1, the interfaces' addresses without IPv6 link-local ones, and `more`; each once, at most 16. */
std::vector<std::string> listLocalAddresses(const std::vector<std::string>& more);

}  // namespace troupe::transport
