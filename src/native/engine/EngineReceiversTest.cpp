// Which receiver of a peer gets a packet that no signalling told of.
#include <doctest/doctest.h>

#include "EngineBench.hpp"
#include "RtpTestPacket.hpp"

using namespace troupe;

namespace {

ReceiverOptions receiving(const std::string& mid, std::vector<uint32_t> ssrcs) {
  ReceiverOptions options;
  options.mid = mid;
  options.ssrcs = std::move(ssrcs);
  options.codecs = {kOpus, CodecParameters{112, "rtx", 48'000, 2, 111}};
  return options;
}

void arrive(EngineBench& bench, uint32_t ssrc, uint16_t number, uint8_t payloadType = 111) {
  const auto bytes = test::bytesOf({number, number * 960u, ssrc, payloadType, false, {0xfc, 0xff, 0xfe}});
  bench.engine.peer(bench.near)->receiveRtp(bytes.data(), bytes.size(), bench.nowUs);
}

std::vector<std::pair<uint32_t, uint64_t>> received(const EngineBench& bench) {
  std::vector<std::pair<uint32_t, uint64_t>> counts;
  for (const auto& inbound : bench.stats(bench.near).inbound) counts.emplace_back(inbound.ssrc, inbound.packetsReceived);
  return counts;
}

}  // namespace

TEST_SUITE("Engine receivers") {
  TEST_CASE("whose SSRC was signalled take no other one, which waits for its own receiver") {
    EngineBench bench;
    bench.engine.createReceiver(bench.near, receiving("a", {1}));
    arrive(bench, 1, 10);
    arrive(bench, 2, 500);
    arrive(bench, 2, 501);
    CHECK(received(bench) == std::vector<std::pair<uint32_t, uint64_t>>{{1, 1}});
    bench.pass(20);
    CHECK(bench.eventsOf(RecordKind::unknownSsrc) == 1);
    const uint32_t second = bench.engine.createReceiver(bench.near, receiving("b", {2}));
    arrive(bench, 2, 502);
    CHECK(received(bench) == std::vector<std::pair<uint32_t, uint64_t>>{{1, 1}, {2, 3}});
    CHECK(bench.stats(bench.near).inbound[1].receiver == second);
  }

  TEST_CASE("without a signalled SSRC take what has a payload type of theirs alone") {
    EngineBench bench;
    bench.engine.createReceiver(bench.near, receiving("a", {1}));
    const uint32_t open = bench.engine.createReceiver(bench.near, receiving("b", {}));
    arrive(bench, 7, 10);
    REQUIRE(bench.stats(bench.near).inbound.size() == 1);
    CHECK(bench.stats(bench.near).inbound[0].receiver == open);
    // A second one that may have it leaves nothing to go by.
    bench.engine.createReceiver(bench.near, receiving("c", {}));
    arrive(bench, 8, 10);
    CHECK(bench.stats(bench.near).inbound.size() == 1);
  }
}
