#include "SequenceUnwrapper.hpp"

#include <doctest/doctest.h>

using namespace troupe;

TEST_CASE("SequenceUnwrapper counts on over the wrap, forwards and backwards") {
  SequenceUnwrapper unwrapper;
  const int64_t first = unwrapper.unwrap(65534);
  CHECK(unwrapper.unwrap(65535) == first + 1);
  CHECK(unwrapper.unwrap(0) == first + 2);
  CHECK(unwrapper.unwrap(3) == first + 5);
  CHECK(unwrapper.unwrap(65533) == first - 1);
}

TEST_CASE("SequenceUnwrapper does not remember what it peeks at, and forgets on reset") {
  SequenceUnwrapper unwrapper;
  CHECK_FALSE(unwrapper.hasLast());
  const int64_t first = unwrapper.unwrap(10);
  CHECK(unwrapper.peek(30'000) == first + 29'990);
  CHECK(unwrapper.peek(50'000) == first - 15'546);
  unwrapper.reset();
  CHECK_FALSE(unwrapper.hasLast());
}

TEST_CASE("TimestampUnwrapper does the same with 32 bits") {
  TimestampUnwrapper unwrapper;
  const int64_t first = unwrapper.unwrap(0xfffffc40);
  CHECK(unwrapper.unwrap(0) == first + 960);
}

TEST_CASE("isNewer goes round the circle") {
  CHECK(isNewer(1, 65535));
  CHECK_FALSE(isNewer(65535, 1));
  CHECK_FALSE(isNewer(5, 5));
}
