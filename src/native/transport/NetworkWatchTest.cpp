#include "NetworkWatch.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <thread>
#include <vector>

using namespace troupe::transport;

TEST_CASE("watches of the network share one thread, which goes with the last of them") {
#ifdef __linux__
  constexpr int kRunning = 1;
#else
  constexpr int kRunning = 0;
#endif
  REQUIRE(NetworkWatch::running() == 0);
  std::vector<std::unique_ptr<NetworkWatch>> watches;
  for (int i = 0; i < 3; ++i) watches.push_back(std::make_unique<NetworkWatch>([](bool) {}));
  CHECK(NetworkWatch::running() == kRunning);
  while (watches.size() > 1) watches.pop_back();
  CHECK(NetworkWatch::running() == kRunning);
  watches.clear();
  CHECK(NetworkWatch::running() == 0);
}

TEST_CASE("watches of the network come and go on several threads at once") {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 50; ++round) NetworkWatch watch([](bool) {});
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(NetworkWatch::running() == 0);
}
