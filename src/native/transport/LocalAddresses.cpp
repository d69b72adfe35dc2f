#include "LocalAddresses.hpp"

#include <nice/interfaces.h>

#include <algorithm>

namespace troupe::transport {

namespace {

// Every address costs a socket per transport, and pairs grow with the product of both sides' addresses.
constexpr size_t kMaximumAddresses = 16;

bool isLinkLocal6(const std::string& address) {
  return address.size() > 3 && (address.starts_with("fe8") || address.starts_with("fe9") ||
                                address.starts_with("fea") || address.starts_with("feb")) &&
         address.find(':') != std::string::npos;
}

}  // namespace

std::vector<std::string> listLocalAddresses(const std::vector<std::string>& more) {
  std::vector<std::string> addresses;
  const auto add = [&](const std::string& address) {
    if (isLinkLocal6(address) || addresses.size() >= kMaximumAddresses) return;
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
  };
  add("127.0.0.1");
  for (const std::string& address : more) add(address);
  GList* found = nice_interfaces_get_local_ips(FALSE);
  for (GList* item = found; item; item = item->next) add(static_cast<const char*>(item->data));
  g_list_free_full(found, g_free);
  return addresses;
}

}  // namespace troupe::transport
