// Which of several SSRCs a receiver plays, and what others may do to it while a frame is transformed.
#include "ReceiverStream.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <vector>

#include "Batch.hpp"
#include "RtpTestPacket.hpp"

using namespace troupe;

namespace {

constexpr uint32_t kLoud = 1;
constexpr uint32_t kQuiet = 2;
/** Signalled, though nothing of it ever comes but repairs. */
constexpr uint32_t kAbsent = 3;
constexpr uint32_t kRepairsOfAbsent = 4;
constexpr uint8_t kPayloadType = 0;
constexpr uint8_t kRepairPayloadType = 96;
/** Full-scale and faint in PCMU. */
constexpr uint8_t kLoudCode = 0x80;
constexpr uint8_t kQuietCode = 0xd0;
constexpr int kLoudPeak = 10'000;

struct Bench {
  static ReceiverOptions options() {
    ReceiverOptions options;
    options.codecs = {{kPayloadType, "pcmu", 8'000, 1}, {kRepairPayloadType, "rtx", 8'000, 1, kPayloadType}};
    options.retransmissionSsrcs = {{kAbsent, kRepairsOfAbsent}};
    return options;
  }

  ReceiverStream stream{1, options(), std::make_shared<PeerWire>()};
  Producer::Output* output = stream.open({8'000, 1});
  Batch batch;
  int64_t tick = 100;
  std::vector<bool> loud;

  ~Bench() { stream.close(output); }

  void receive(uint32_t ssrc, uint16_t number) {
    test::TestPacket packet;
    packet.payloadType = kPayloadType;
    packet.ssrc = ssrc;
    packet.sequenceNumber = number;
    packet.timestamp = uint32_t{number} * 160;
    packet.payload.assign(160, 0);
    // A square wave, so that nothing takes it for a constant.
    for (size_t at = 0; at < packet.payload.size(); ++at)
      packet.payload[at] = static_cast<uint8_t>((ssrc == kLoud ? kLoudCode : kQuietCode) ^ (at % 40 < 20 ? 0x80 : 0));
    const auto bytes = test::bytesOf(packet);
    stream.receive(test::viewOf(bytes), {}, tick * kTickUs);
  }

  void receiveRepairOfAbsent() {
    test::TestPacket packet;
    packet.payloadType = kRepairPayloadType;
    packet.ssrc = kRepairsOfAbsent;
    packet.payload.assign(162, kQuietCode);
    const auto bytes = test::bytesOf(packet);
    stream.receive(test::viewOf(bytes), {}, tick * kTickUs);
  }

  void listen(int ticks) {
    for (const int64_t end = tick + ticks; tick < end; ++tick) {
      const PcmFrame* frame = stream.pull(*output, {tick, tick * kTickUs, batch});
      if (frame == nullptr) continue;
      const auto heard = std::span(frame->samples).first(80);
      const bool isLoud = std::any_of(heard.begin(), heard.end(), [](int16_t one) { return std::abs(one) > kLoudPeak; });
      loud.push_back(isLoud);
    }
  }

  /** Packets of one stream at their pace. */
  void play(uint32_t ssrc, uint16_t first, int packets) {
    for (int at = 0; at < packets; ++at) {
      receive(ssrc, static_cast<uint16_t>(first + at));
      listen(2);
    }
  }

  /** How often what is heard changes between loud and quiet. */
  size_t changes() const {
    size_t count = 0;
    for (size_t at = 1; at < loud.size(); ++at) count += loud[at] != loud[at - 1] ? 1 : 0;
    return count;
  }

  InboundStats statsOf(uint32_t ssrc) const {
    std::vector<InboundStats> all;
    stream.appendStats(all);
    for (const auto& stats : all)
      if (stats.ssrc == ssrc) return stats;
    return {};
  }
};

class Outsider final : public FrameTransform {
 public:
  explicit Outsider(const ReceiverStream& stream) : stream_(stream) {}
  std::span<const uint8_t> transform(const FrameInfo&, std::span<const uint8_t> frame, std::span<uint8_t>) override {
    other_ = std::async(std::launch::async, [this] { stream_.options(); });
    wasServed = other_.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
    return frame;
  }
  FrameTransformCounts counts(int64_t) const override { return {}; }
  bool wasServed = false;

 private:
  const ReceiverStream& stream_;
  std::future<void> other_;
};

}  // namespace

TEST_SUITE("ReceiverStream") {
  TEST_CASE("follows a stream that was left and comes again, in what is heard and in the figures") {
    Bench bench;
    bench.play(kLoud, 100, 50);
    CHECK(bench.statsOf(kLoud).totalSamplesReceived > 0);
    bench.play(kQuiet, 7'000, 50);
    CHECK(bench.statsOf(kQuiet).totalSamplesReceived > 0);
    CHECK(bench.statsOf(kLoud).totalSamplesReceived == 0);
    bench.play(kLoud, 150, 50);
    CHECK(bench.statsOf(kLoud).totalSamplesReceived > 0);
    CHECK(bench.statsOf(kQuiet).totalSamplesReceived == 0);
    CHECK(bench.changes() == 2);
    CHECK(bench.loud.front());
    CHECK(bench.loud.back());
    bench.stream.takeLongestGapUs();
    bench.listen(30);
    bench.play(kLoud, 200, 2);
    CHECK(bench.stream.takeLongestGapUs() >= 300'000);
  }

  TEST_CASE("is not brought back to a stream by what comes late of it") {
    Bench bench;
    bench.play(kLoud, 100, 50);
    // Its last two packets are overtaken by the first ones of the next stream.
    bench.play(kQuiet, 7'000, 2);
    bench.receive(kLoud, 150);
    bench.receive(kLoud, 151);
    bench.play(kQuiet, 7'002, 1);
    bench.receive(kLoud, 149);
    bench.play(kQuiet, 7'003, 47);
    CHECK(bench.changes() == 1);
    CHECK_FALSE(bench.loud.back());
    CHECK(bench.statsOf(kLoud).packetsReceived == 52);
    CHECK(bench.statsOf(kQuiet).concealedSamples == 0);
  }

  TEST_CASE("does not follow a stream of which nothing but a repair came") {
    Bench bench;
    bench.play(kLoud, 100, 50);
    bench.receiveRepairOfAbsent();
    bench.play(kLoud, 150, 50);
    CHECK(bench.statsOf(kLoud).totalSamplesReceived > 0);
    CHECK(bench.statsOf(kLoud).concealedSamples == 0);
    CHECK(bench.statsOf(kAbsent).ssrc == 0);
    CHECK(bench.changes() == 0);
  }

  TEST_CASE("can be asked by others while a frame of it is transformed") {
    Bench bench;
    const auto outsider = std::make_shared<Outsider>(bench.stream);
    bench.stream.setTransform(outsider);
    bench.play(kLoud, 100, 10);
    CHECK(outsider->wasServed);
    CHECK(bench.loud.size() > 5);
  }
}
