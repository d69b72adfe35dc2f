#include "BatchQueue.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace troupe;

namespace {

Batch frameBatch(uint32_t sink, int16_t value) {
  Batch batch;
  const std::array<int16_t, 4> pcm{value, value, value, value};
  batch.frame(sink, pcm, 4, 1'000, false);
  return batch;
}

void addFrame(BatchQueue& queue, uint32_t sink, int16_t value) {
  Batch batch = frameBatch(sink, value);
  queue.add(batch);
}

}  // namespace

TEST_SUITE("Batch") {
  TEST_CASE("keeps records pointing at their own samples and texts when it takes others over") {
    Batch batch = frameBatch(1, 11);
    Batch other = frameBatch(2, 22);
    other.event(RecordKind::unknownSsrc, 3, 9, 8, other.text("mid"));
    other.event(RecordKind::unknownSsrc, 3, 9, 8, -1);
    batch.text("before");
    batch.append(other);
    CHECK(other.empty());
    const size_t second = kRecordStride;
    CHECK(batch.records[second + 1] == 2);
    CHECK(batch.pcm[static_cast<size_t>(batch.records[second + 2])] == 22);
    CHECK(batch.texts[static_cast<size_t>(batch.records[2 * kRecordStride + 4])] == "mid");
    CHECK(batch.records[3 * kRecordStride + 4] == -1);
  }

  TEST_CASE("drops frames and keeps events") {
    Batch batch = frameBatch(1, 1);
    batch.event(RecordKind::mark, 5, 7);
    Batch more = frameBatch(1, 2);
    batch.append(more);
    CHECK(batch.dropFrames() == 2);
    REQUIRE(batch.records.size() == kRecordStride);
    CHECK(batch.records[1] == 5);
    CHECK(batch.pcm.empty());
  }
}

TEST_SUITE("BatchQueue") {
  TEST_CASE("hands batches out in order") {
    BatchQueue queue;
    Batch taken;
    CHECK_FALSE(queue.flush());
    CHECK_FALSE(queue.take(taken));
    addFrame(queue, 1, 1);
    CHECK(queue.flush());
    addFrame(queue, 1, 2);
    CHECK(queue.flush());
    REQUIRE(queue.take(taken));
    CHECK(taken.pcm[0] == 1);
    REQUIRE(queue.take(taken));
    CHECK(taken.pcm[0] == 2);
    CHECK_FALSE(queue.take(taken));
    CHECK(queue.counts().batches == 2);
  }

  TEST_CASE("says of each encoded frame whether it goes out, of the last that finds room too") {
    BatchQueue queue;
    const std::array<uint8_t, 2> frame{1, 2};
    for (size_t at = 0; at + 1 < BatchQueue::kMaximumEvents; ++at) queue.event(RecordKind::mark, 2);
    CHECK(queue.encodedFrame(1, 7, {}, frame));
    CHECK_FALSE(queue.encodedFrame(1, 8, {}, frame));
    CHECK(queue.counts().eventsDropped == 1);
    queue.flush();
    Batch taken;
    REQUIRE(queue.take(taken));
    CHECK(taken.records.size() == BatchQueue::kMaximumEvents * kRecordStride);
    CHECK(taken.records[taken.records.size() - kRecordStride + 2] == 7);
  }

  TEST_CASE("drops the oldest audio of a stalled reader, keeps its events in order, and says so") {
    BatchQueue queue;
    const size_t made = BatchQueue::kMaximumWaiting + 4;
    for (size_t at = 0; at < made; ++at) {
      addFrame(queue, 1, static_cast<int16_t>(at));
      queue.event(RecordKind::mark, 2, static_cast<double>(at));
      queue.flush();
    }
    Batch taken;
    std::vector<double> marks;
    std::vector<int16_t> heard;
    double dropped = 0;
    while (queue.take(taken)) {
      for (size_t at = 0; at < taken.records.size(); at += kRecordStride) {
        if (taken.records[at] == 4) marks.push_back(taken.records[at + 2]);
        if (taken.records[at] == 1) heard.push_back(taken.pcm[static_cast<size_t>(taken.records[at + 2])]);
        if (taken.records[at] == 8) dropped += taken.records[at + 3];
      }
    }
    CHECK(heard.size() == BatchQueue::kMaximumWaiting);
    CHECK(heard.front() == 4);
    CHECK(dropped == 4);
    REQUIRE(marks.size() == made);
    for (size_t at = 0; at < made; ++at) CHECK(marks[at] == static_cast<double>(at));
    CHECK(queue.counts().framesDropped == 4);
    CHECK(queue.counts().batchesDropped == 4);
  }

  TEST_CASE("bounds the events of a reader that never comes back") {
    BatchQueue queue;
    for (size_t at = 0; at < BatchQueue::kMaximumEvents * 2; ++at) queue.event(RecordKind::mark, 1, 1);
    CHECK(queue.counts().eventsDropped == BatchQueue::kMaximumEvents);
    for (size_t at = 0; at < 100; ++at) {
      queue.event(RecordKind::mark, 1, 1);
      queue.flush();
    }
    size_t records = 0;
    Batch taken;
    while (queue.take(taken)) records += taken.records.size() / kRecordStride;
    CHECK(records <= BatchQueue::kMaximumEvents + 2 * BatchQueue::kMaximumWaiting);
  }
}
