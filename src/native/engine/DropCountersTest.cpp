#include "DropCounters.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

using namespace troupe;

TEST_CASE("DropCounters count by reason and show only what happened") {
  DropCounters counters;
  counters.add(DropReason::truncated);
  counters.add(DropReason::late, 3);
  std::map<std::string, uint64_t> seen;
  counters.forEach([&](const char* name, uint64_t count) { seen[name] = count; });
  CHECK(seen == std::map<std::string, uint64_t>{{"truncated", 1}, {"late", 3}});
  CHECK(counters.total() == 4);
  CHECK(counters.get(DropReason::late) == 3);
}

TEST_CASE("every drop reason has a name of its own") {
  std::set<std::string> names;
  for (size_t i = 0; i < DropCounters::kReasons; ++i) names.insert(dropReasonName(static_cast<DropReason>(i)));
  CHECK(names.size() == DropCounters::kReasons);
  CHECK(names.count("unknown") == 0);
}

TEST_CASE("parse errors map to their drop reasons") {
  CHECK(dropReasonOf(RtpParseError::truncated) == DropReason::truncated);
  CHECK(dropReasonOf(RtpParseError::badVersion) == DropReason::badHeader);
  CHECK(dropReasonOf(RtpParseError::badExtension) == DropReason::badExtension);
  CHECK(dropReasonOf(RtpParseError::badPadding) == DropReason::badPadding);
}
