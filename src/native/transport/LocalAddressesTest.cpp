#include "LocalAddresses.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

using namespace troupe::transport;

namespace {

bool has(const std::vector<std::string>& addresses, const std::string& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

}  // namespace

TEST_CASE("Loopback is among the addresses, and what is asked for besides") {
  const auto addresses = listLocalAddresses({"127.0.0.2", "127.0.0.1"}, {});
  CHECK(std::count(addresses.begin(), addresses.end(), "127.0.0.1") == 1);
  CHECK(has(addresses, "127.0.0.2"));
}

TEST_CASE("A filter lets only its ranges and interfaces through") {
  CHECK(listLocalAddresses({}, {{}, {"127.0.0.0/8"}}) == std::vector<std::string>{"127.0.0.1"});
  CHECK(listLocalAddresses({}, {{"lo"}, {}}) == std::vector<std::string>{"127.0.0.1"});
  CHECK(listLocalAddresses({}, {{"lo"}, {"10.0.0.0/8"}}).empty());
  CHECK(listLocalAddresses({}, {{"no such interface"}, {}}).empty());
  CHECK(has(listLocalAddresses({}, {{}, {"2001:db8::/32", "127.0.0.1"}}), "127.0.0.1"));
}

TEST_CASE("What a filter lets through is not held against what is asked for by name") {
  CHECK(has(listLocalAddresses({"127.0.0.2"}, {{"lo"}, {"10.0.0.0/8"}}), "127.0.0.2"));
}

TEST_CASE("A range that is none is refused") {
  for (const char* network : {"10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "10.0.0.0/8x", "2001:db8::/129", ""}) {
    CAPTURE(network);
    CHECK_THROWS_AS(listLocalAddresses({}, {{}, {network}}), InvalidParameters);
  }
}

TEST_CASE("New sockets are on no IPv6 address that is deprecated, tentative or a duplicate") {
  std::istringstream table(
      "20010db8000000000000000000000001 02 40 00 80     eth0\n"
      "20010db8000000000000000000000002 02 40 00 21     eth0\n"  // temporary and deprecated
      "20010db8000000000000000000000003 02 40 00 40     eth0\n"  // tentative
      "20010db8000000000000000000000004 02 40 00 01     eth0\n"  // temporary
      "20010db8000000000000000000000005 02 40 00 c8     eth0\n"  // a duplicate
      "what is no line\n");
  CHECK(readUnfitAddresses(table) == std::set<std::string>{"2001:db8::2", "2001:db8::3", "2001:db8::5"});
}
