#include "FrameRelay.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "Bytes.hpp"

using namespace troupe;

namespace {

using Bytes = std::vector<uint8_t>;

class Stream final : public FrameOutlet {
 public:
  bool resume(const FrameInfo& info, std::span<const uint8_t> frame) override {
    if (!takes) return false;
    infos.push_back(info);
    frames.emplace_back(frame.begin(), frame.end());
    return true;
  }

  bool takes = true;
  std::vector<FrameInfo> infos;
  std::vector<Bytes> frames;
};

/** A frame as JavaScript gets it. */
struct HandedOver {
  uint64_t number = 0;
  Bytes bytes;
};

struct Bench {
  explicit Bench(FrameRelayOptions options = {}) : relay(9, options, batches) { relay.setOutlet(stream); }

  void hand(uint32_t timestamp, const Bytes& frame, int64_t timeUs = 0, bool isCopy = false) {
    FrameInfo info;
    info.ssrc = 0x01020304;
    info.timestamp = timestamp;
    info.payloadType = 111;
    info.sequenceNumber = 7;
    info.timeUs = timeUs;
    info.isCopy = isCopy;
    TransformedFrame room;
    CHECK(relay.transform(info, frame, room).empty());
  }

  std::vector<HandedOver> handedOver() {
    std::vector<HandedOver> found;
    batches->flush();
    Batch batch;
    while (batches->take(batch)) {
      for (size_t at = 0; at < batch.records.size(); at += kRecordStride) {
        if (batch.records[at] != static_cast<double>(RecordKind::encodedFrame)) continue;
        const auto offset = static_cast<ptrdiff_t>(batch.records[at + 3]);
        const auto length = static_cast<ptrdiff_t>(batch.records[at + 4]);
        found.push_back({static_cast<uint64_t>(batch.records[at + 2]),
                         Bytes(batch.bytes.begin() + offset, batch.bytes.begin() + offset + length)});
      }
    }
    return found;
  }

  std::shared_ptr<BatchQueue> batches = std::make_shared<BatchQueue>();
  std::shared_ptr<Stream> stream = std::make_shared<Stream>();
  FrameRelay relay;
};

}  // namespace

TEST_SUITE("FrameRelay") {
  TEST_CASE("a frame crosses with what is known of it, and goes on as what comes back") {
    Bench bench;
    bench.hand(960, {1, 2, 3}, 10'000);
    bench.hand(1'920, {4}, 30'000);
    const auto frames = bench.handedOver();
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].bytes == Bytes{0x80, 111, 0, 7, 0, 0, 3, 192, 1, 2, 3, 4, 1, 2, 3});
    CHECK(frames[1].bytes.back() == 4);
    CHECK(bench.relay.counts(30'000).waiting == 2);
    CHECK(bench.relay.enqueue(frames[1].number, Bytes{9, 9}, 40'000));
    CHECK(bench.relay.enqueue(frames[0].number, Bytes{8}, 50'000));
    CHECK(bench.stream->frames == std::vector<Bytes>{{9, 9}, {8}});
    CHECK(bench.stream->infos[0].timestamp == 1'920);
    CHECK(bench.stream->infos[0].timeUs == 40'000);
    CHECK(bench.relay.counts(50'000).passed == 2);
    CHECK(bench.relay.counts(50'000).waiting == 0);
  }

  TEST_CASE("what comes back too late, twice or under no number of its own is dropped, and each frame counted once") {
    Bench bench({8, 500'000});
    bench.hand(960, {1}, 0);
    bench.hand(1'920, {2}, 20'000);
    CHECK_FALSE(bench.relay.enqueue(0, Bytes{1}, 500'001));
    CHECK(bench.relay.enqueue(1, Bytes{2}, 520'000));
    CHECK_FALSE(bench.relay.enqueue(1, Bytes{2}, 520'000));
    CHECK_FALSE(bench.relay.enqueue(77, Bytes{2}, 520'000));
    CHECK(bench.stream->frames == std::vector<Bytes>{{2}});
    const auto counts = bench.relay.counts(520'000);
    CHECK(counts.frames == 2);
    CHECK(counts.passed == 1);
    CHECK(counts.late == 1);
    CHECK(counts.dropped == 0);
  }

  TEST_CASE("a frame that comes back again and again hides none that never came") {
    Bench bench;
    for (uint32_t at = 0; at < 4; ++at) bench.hand(at * 960, {1});
    for (int time = 0; time < 3; ++time) CHECK(bench.relay.enqueue(3, Bytes{1}, 0) == (time == 0));
    const auto counts = bench.relay.counts(2'000'000);
    CHECK(counts.passed == 1);
    CHECK(counts.late == 0);
    CHECK(counts.dropped == 3);
  }

  TEST_CASE("frames that do not come back are dropped, and the oldest makes room") {
    Bench bench({4, 500'000});
    for (uint32_t at = 0; at < 6; ++at) bench.hand(at * 960, {1}, at * 20'000);
    auto counts = bench.relay.counts(120'000);
    CHECK(counts.waiting == 4);
    CHECK(counts.dropped == 2);
    CHECK_FALSE(bench.relay.enqueue(0, Bytes{1}, 120'000));
    CHECK(bench.relay.enqueue(5, Bytes{1}, 120'000));
    counts = bench.relay.counts(2'000'000);
    // The one that made room was dropped then, whenever it comes back.
    CHECK(counts.late == 0);
    CHECK(counts.passed == 1);
    CHECK(counts.waiting == 0);
    CHECK(counts.dropped == 5);
  }

  TEST_CASE("a redundant copy of a frame that crossed already does not cross again") {
    Bench bench;
    bench.hand(960, {1});
    bench.hand(1'920, {2});
    bench.hand(960, {1}, 0, true);
    bench.hand(2'880, {3}, 0, true);
    CHECK(bench.handedOver().size() == 3);
    CHECK(bench.relay.counts(0).frames == 3);
  }

  TEST_CASE("a stalled event loop finds the newest frames, and what was lost is counted") {
    Bench bench({256, 10'000'000});
    for (uint32_t at = 0; at < 200; ++at) {
      bench.hand(at * 960, {static_cast<uint8_t>(at)});
      bench.batches->flush();
    }
    const auto frames = bench.handedOver();
    CHECK(frames.size() == BatchQueue::kMaximumWaiting);
    CHECK(frames.front().bytes.back() == 200 - BatchQueue::kMaximumWaiting);
    CHECK(frames.back().bytes.back() == 199);
    CHECK(bench.batches->counts().framesDropped == 200 - BatchQueue::kMaximumWaiting);
  }

  TEST_CASE("a stream that is gone, or that it was taken off, gets nothing") {
    Bench bench;
    bench.hand(960, {1});
    bench.hand(1'920, {2});
    bench.relay.setOutlet({});
    CHECK_FALSE(bench.relay.enqueue(0, Bytes{1}, 0));
    bench.relay.setOutlet(bench.stream);
    bench.stream.reset();
    CHECK_FALSE(bench.relay.enqueue(1, Bytes{1}, 0));
    CHECK(bench.relay.counts(0).late == 2);
  }

  TEST_CASE("parts of a batch keep their frames apart when they are put together") {
    Batch first;
    Batch second;
    FrameInfo info;
    first.encodedFrame(1, 0, info, Bytes{1});
    second.encodedFrame(1, 1, info, Bytes{2, 2});
    first.append(second);
    REQUIRE(first.records.size() == 2 * kRecordStride);
    const auto offset = static_cast<size_t>(first.records[kRecordStride + 3]);
    CHECK(offset == 13);
    CHECK(first.bytes[offset + 12] == 2);
  }
}
