#pragma once

#include <string>
#include <vector>

#include "Types.hpp"

namespace troupe::transport {

/**
 * 127.0.0.1, the running interfaces' addresses without IPv6 link-local ones, and `more`; each once, only those that the
 * filter lets through, at most 16. Throws InvalidParameters for a range of addresses that is none.
 */
std::vector<std::string> listLocalAddresses(const std::vector<std::string>& more, const AddressFilter& filter);

}  // namespace troupe::transport
