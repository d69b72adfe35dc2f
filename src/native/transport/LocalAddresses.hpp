#pragma once

#include <istream>
#include <set>
#include <string>
#include <vector>

#include "Types.hpp"

namespace troupe::transport {

/**
 * `open`: to open sockets on. `keep`: those on which open sockets go on working, which are deprecated IPv6 addresses
 * besides (RFC 4862, section 5.5.4): a temporary address is deprecated long before it goes (RFC 8981).
 */
enum class AddressUse { open, keep };

/**
 * 127.0.0.1, the running interfaces' addresses without IPv6 link-local ones, and `more`; each once, only those that the
 * filter lets through, of those to open at most 16. Throws InvalidParameters for a range of addresses that is none.
 */
std::vector<std::string> listLocalAddresses(const std::vector<std::string>& more, const AddressFilter& filter,
                                            AddressUse use = AddressUse::open);

/** IPv6 addresses of `/proc/net/if_inet6` that new sockets are not to be on: deprecated, or not verified to be unique. */
std::set<std::string> readUnfitAddresses(std::istream& table);

}  // namespace troupe::transport
