#include "Source.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "SinkTap.hpp"

using namespace troupe;

namespace {

constexpr PcmFormat kFormat{16'000, 1};

struct Bench {
  std::shared_ptr<BatchQueue> events = std::make_shared<BatchQueue>();
  std::shared_ptr<Source> source = std::make_shared<Source>(1, kFormat, 1'000, events);
  Batch out;
  int64_t number = 0;

  void tick(SinkTap& sink) {
    sink.run({number, number * kTickUs, out});
    ++number;
  }
  std::vector<double> values(RecordKind kind, size_t field) const {
    std::vector<double> found;
    for (size_t at = 0; at < out.records.size(); at += kRecordStride)
      if (out.records[at] == static_cast<double>(kind)) found.push_back(out.records[at + field]);
    return found;
  }
};

}  // namespace

TEST_SUITE("Source and SinkTap") {
  TEST_CASE("a tap gives frames of its length, stamped with the tick of their first sample") {
    Bench bench;
    SinkTap sink(2, kFormat, 30);
    sink.bind(bench.source);
    bench.source->write(std::vector<int16_t>(960, 5));
    for (int tick = 0; tick < 8; ++tick) bench.tick(sink);
    CHECK(bench.values(RecordKind::frame, 3) == std::vector<double>{480, 480});
    CHECK(bench.values(RecordKind::frame, 4) == std::vector<double>{0, 30'000});
    CHECK(bench.out.pcm == std::vector<int16_t>(960, 5));
  }

  TEST_CASE("a frame that was begun is completed with silence at once when the source runs dry") {
    Bench bench;
    SinkTap sink(2, kFormat, 40);
    sink.bind(bench.source);
    bench.source->write(std::vector<int16_t>(160, 5));
    bench.tick(sink);
    CHECK(bench.values(RecordKind::frame, 3).empty());
    bench.tick(sink);
    CHECK(bench.values(RecordKind::frame, 3) == std::vector<double>{640});
    CHECK(bench.out.pcm[159] == 5);
    CHECK(bench.out.pcm[160] == 0);
  }

  TEST_CASE("an empty source gives nothing at all") {
    Bench bench;
    SinkTap sink(2, kFormat, 10);
    sink.bind(bench.source);
    for (int tick = 0; tick < 5; ++tick) bench.tick(sink);
    CHECK(bench.out.empty());
  }

  TEST_CASE("states follow the ring") {
    Bench bench;
    SinkTap sink(2, kFormat, 10);
    sink.bind(bench.source);
    bench.source->write(std::vector<int16_t>(320, 5));
    for (int tick = 0; tick < 3 + Source::kIdleAfterTicks; ++tick) bench.tick(sink);
    CHECK(bench.values(RecordKind::sourceState, 3) == std::vector<double>{1, 2, 0});
    bench.source->write(std::vector<int16_t>(160, 5));
    bench.tick(sink);
    CHECK(bench.values(RecordKind::sourceState, 3) == std::vector<double>{1, 2, 0, 1});
  }

  TEST_CASE("what is written for later is played then, and the source counts as playing until it was") {
    Bench bench;
    SinkTap sink(2, kFormat, 10);
    sink.bind(bench.source);
    bench.source->write(std::vector<int16_t>(160, 5));
    bench.source->write(std::vector<int16_t>(160, 6), 45'000);
    for (int tick = 0; tick < 8; ++tick) bench.tick(sink);
    CHECK(bench.values(RecordKind::frame, 4) == std::vector<double>{0, 40'000, 50'000});
    CHECK(bench.out.pcm[160 + 79] == 0);
    CHECK(bench.out.pcm[160 + 80] == 6);
    CHECK(bench.values(RecordKind::sourceState, 3) == std::vector<double>{1, 2});
  }

  TEST_CASE("clear reaches the very next tick and reports its marks") {
    Bench bench;
    SinkTap sink(2, kFormat, 10);
    sink.bind(bench.source);
    bench.source->write(std::vector<int16_t>(1'600, 5));
    bench.source->mark(3);
    bench.tick(sink);
    CHECK(bench.source->clear() == 1'440);
    CHECK(bench.source->queuedUs() == 0);
    bench.tick(sink);
    bench.tick(sink);
    // One more frame: 2.5 ms in which it fades out, then silence.
    CHECK(bench.values(RecordKind::frame, 3).size() == 2);
    const auto frame = std::span(bench.out.pcm).subspan(160);
    CHECK(frame[0] > 0);
    CHECK(std::all_of(frame.begin() + 40, frame.end(), [](int16_t sample) { return sample == 0; }));
    Batch events;
    bench.events->flush();
    REQUIRE(bench.events->take(events));
    CHECK(events.records[0] == static_cast<double>(RecordKind::mark));
    CHECK(events.records[2] == 3);
    CHECK(events.records[3] == 1);
  }
}
