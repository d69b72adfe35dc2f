#include "LocalAddresses.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

namespace troupe::transport {

namespace {

// Every address costs a socket per transport, and pairs grow with the product of both sides' addresses.
constexpr size_t kMaximumAddresses = 16;

// IFA_F_DADFAILED, IFA_F_DEPRECATED and IFA_F_TENTATIVE of linux/if_addr.h: a socket cannot be bound to an address that
// is tentative, and a new one should not be on one that is deprecated.
constexpr unsigned kUnfitFlags = 0x08 | 0x20 | 0x40;

struct Bytes {
  int family = AF_UNSPEC;
  std::array<uint8_t, 16> bytes{};
  size_t bits() const { return family == AF_INET ? 32 : 128; }
};

std::optional<Bytes> parseAddress(const std::string& text) {
  Bytes address;
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), address.bytes.data()) != 1) continue;
    address.family = family;
    return address;
  }
  return std::nullopt;
}

bool isWithin(const Bytes& address, const std::string& network) {
  const size_t slash = network.find('/');
  const std::optional<Bytes> base = parseAddress(network.substr(0, slash));
  size_t bits = base ? base->bits() : 0;
  bool isNumber = true;
  if (slash != std::string::npos) {
    const char* end = network.data() + network.size();
    const auto [read, error] = std::from_chars(network.data() + slash + 1, end, bits);
    isNumber = error == std::errc() && read == end;
  }
  if (!base || !isNumber || bits > base->bits()) {
    throw InvalidParameters("Expected a range of addresses such as 10.0.0.0/8 for filter.networks but received " + network);
  }
  if (address.family != base->family) return false;
  for (size_t bit = 0; bit < bits; ++bit) {
    const uint8_t mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    if ((address.bytes[bit / 8] & mask) != (base->bytes[bit / 8] & mask)) return false;
  }
  return true;
}

bool isLinkLocal6(const Bytes& address) {
  return address.family == AF_INET6 && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

struct Found {
  std::string interface;
  std::string address;
};

std::vector<Found> readInterfaces() {
  std::vector<Found> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (const ifaddrs* item = list; item; item = item->ifa_next) {
    constexpr unsigned kRunning = IFF_UP | IFF_RUNNING;
    if (!item->ifa_addr || (item->ifa_flags & kRunning) != kRunning || (item->ifa_flags & IFF_LOOPBACK)) continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = nullptr;
    if (item->ifa_addr->sa_family == AF_INET) bytes = &reinterpret_cast<sockaddr_in*>(item->ifa_addr)->sin_addr;
    if (item->ifa_addr->sa_family == AF_INET6) bytes = &reinterpret_cast<sockaddr_in6*>(item->ifa_addr)->sin6_addr;
    if (!bytes || !inet_ntop(item->ifa_addr->sa_family, bytes, text.data(), text.size())) continue;
    found.push_back({item->ifa_name, text.data()});
  }
  freeifaddrs(list);
  return found;
}

bool isLetThrough(const Found& one, const Bytes& address, const AddressFilter& filter) {
  const auto& names = filter.interfaces;
  if (!names.empty() && std::find(names.begin(), names.end(), one.interface) == names.end()) return false;
  return filter.networks.empty() ||
         std::any_of(filter.networks.begin(), filter.networks.end(),
                     [&](const std::string& network) { return isWithin(address, network); });
}

}  // namespace

std::set<std::string> readUnfitAddresses(std::istream& table) {
  std::set<std::string> unfit;
  std::string line;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string digits, index, prefix, scope;
    unsigned flags = 0;
    if (!(fields >> digits >> index >> prefix >> scope >> std::hex >> flags) || digits.size() != 32) continue;
    if ((flags & kUnfitFlags) == 0) continue;
    std::array<uint8_t, 16> bytes{};
    for (size_t i = 0; i < bytes.size(); ++i) {
      std::from_chars(digits.data() + 2 * i, digits.data() + 2 * i + 2, bytes[i], 16);
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_ntop(AF_INET6, bytes.data(), text.data(), text.size())) unfit.insert(text.data());
  }
  return unfit;
}

std::vector<std::string> listLocalAddresses(const std::vector<std::string>& more, const AddressFilter& filter,
                                            AddressUse use) {
  std::vector<Found> candidates = {{"lo", "127.0.0.1"}};
  for (Found& one : readInterfaces()) candidates.push_back(std::move(one));
  std::set<std::string> unfit;
  if (use == AddressUse::open) {
    std::ifstream table("/proc/net/if_inet6");
    unfit = readUnfitAddresses(table);
  }
  std::vector<std::string> addresses;
  const auto add = [&](const std::string& address) {
    if (use == AddressUse::open && addresses.size() >= kMaximumAddresses) return;
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
  };
  for (const std::string& address : more) add(address);
  for (const Found& one : candidates) {
    const std::optional<Bytes> address = parseAddress(one.address);
    if (!address || isLinkLocal6(*address) || unfit.contains(one.address)) continue;
    if (isLetThrough(one, *address, filter)) add(one.address);
  }
  return addresses;
}

}  // namespace troupe::transport
