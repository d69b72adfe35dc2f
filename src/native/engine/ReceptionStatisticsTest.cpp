#include "ReceptionStatistics.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using Arrival = ReceptionStatistics::Arrival;

namespace {
constexpr int64_t kFrameUs = 20'000;
constexpr uint32_t kFrameTicks = 960;

struct Stream {
  ReceptionStatistics statistics{48'000};
  Arrival receive(uint16_t number, int64_t lateUs = 0) {
    const int64_t arrivalUs = 1'000'000 + int64_t{number} * kFrameUs + lateUs;
    return statistics.onPacket(number, uint32_t{number} * kFrameTicks, arrivalUs, 12, 100);
  }
  ReportBlock report() { return statistics.takeReportBlock(1, {}, 0); }
};
}  // namespace

TEST_CASE("ReceptionStatistics of an even stream shows no loss and no jitter") {
  Stream stream;
  for (uint16_t i = 0; i < 100; ++i) CHECK(stream.receive(i) == Arrival::inOrder);
  const ReportBlock block = stream.report();
  CHECK(block.fractionLost == 0);
  CHECK(block.cumulativeLost == 0);
  CHECK(block.jitter == 0);
  CHECK(block.extendedHighestSequenceNumber == 99);
  CHECK(stream.statistics.packetsReceived() == 100);
  CHECK(stream.statistics.bytesReceived() == 10'000);
  CHECK(stream.statistics.headerBytesReceived() == 1'200);
}

TEST_CASE("ReceptionStatistics gives the fraction lost of each interval and the sum of all") {
  Stream stream;
  for (uint16_t i = 0; i < 100; ++i) {
    if (i % 4 != 1) stream.receive(i);
  }
  ReportBlock block = stream.report();
  CHECK(block.fractionLost == 64);
  CHECK(block.cumulativeLost == 25);
  for (uint16_t i = 100; i < 200; ++i) stream.receive(i);
  block = stream.report();
  CHECK(block.fractionLost == 0);
  CHECK(block.cumulativeLost == 25);
  CHECK(stream.report().fractionLost == 0);
}

TEST_CASE("ReceptionStatistics knows duplicates and reordering") {
  Stream stream;
  stream.receive(10);
  stream.receive(12);
  CHECK(stream.receive(11) == Arrival::reordered);
  CHECK(stream.receive(11) == Arrival::duplicate);
  CHECK(stream.receive(9) == Arrival::reordered);
  CHECK(stream.statistics.packetsReceived() == 4);
  CHECK(stream.statistics.packetsDuplicated() == 1);
  CHECK(stream.statistics.packetsLost() == 0);
}

TEST_CASE("ReceptionStatistics extends the sequence number over the wrap") {
  Stream stream;
  stream.receive(65'535);
  stream.statistics.onPacket(0, 0, 0, 12, 1);
  stream.statistics.onPacket(1, 0, 0, 12, 1);
  CHECK(stream.report().extendedHighestSequenceNumber == 0x10001);
  CHECK(stream.statistics.packetsLost() == 0);
}

TEST_CASE("ReceptionStatistics measures jitter as RFC 3550 does") {
  Stream stream;
  // Every second packet is 10 ms late: transit times differ by 480 ticks each time.
  for (uint16_t i = 0; i < 200; ++i) stream.receive(i, i % 2 == 0 ? 0 : 10'000);
  CHECK(stream.report().jitter == doctest::Approx(480).epsilon(0.01));
  CHECK(stream.statistics.jitterSeconds() == doctest::Approx(0.01).epsilon(0.01));
}

TEST_CASE("ReceptionStatistics takes a far jump only when the next packet agrees") {
  Stream stream;
  for (uint16_t i = 0; i < 10; ++i) stream.receive(i);
  CHECK(stream.receive(30'000) == Arrival::outOfRange);
  CHECK(stream.receive(10) == Arrival::inOrder);
  CHECK(stream.receive(40'000) == Arrival::outOfRange);
  CHECK(stream.receive(40'001) == Arrival::restarted);
  CHECK(stream.receive(40'002) == Arrival::inOrder);
  CHECK(stream.statistics.packetsReceived() == 13);
  CHECK(stream.statistics.packetsLost() == 0);
}

TEST_CASE("ReceptionStatistics goes over a gap longer than its window for duplicates") {
  Stream stream;
  stream.receive(0);
  stream.receive(2'000);
  CHECK(stream.receive(1'024) == Arrival::reordered);
  CHECK(stream.receive(2'000) == Arrival::duplicate);
  CHECK(stream.statistics.packetsLost() == 1'998);
}

TEST_CASE("ReceptionStatistics hands on what the last sender report said") {
  Stream stream;
  stream.receive(1);
  SenderReportTiming timing;
  SenderInfo info;
  info.ntpTime = 0x1111222233334444;
  timing.onSenderReport(info, 500'000);
  const ReportBlock block = stream.statistics.takeReportBlock(5, timing, 1'000'000);
  CHECK(block.ssrc == 5);
  CHECK(block.lastSenderReport == 0x22223333);
  CHECK(block.delaySinceLastSenderReport == 32'768);
}

TEST_CASE("ReceptionStatistics gives the longest gap since it was last asked") {
  Stream stream;
  for (uint16_t i = 0; i < 10; ++i) stream.receive(i);
  stream.receive(13);
  CHECK(stream.statistics.takeLongestGapUs() == 4 * kFrameUs);
  stream.receive(14);
  CHECK(stream.statistics.takeLongestGapUs() == kFrameUs);
  CHECK(stream.statistics.takeLongestGapUs() == 0);
}

TEST_CASE("ReceptionStatistics counts what a retransmission stream brought as lost, and its late original as received") {
  Stream stream;
  for (const uint16_t number : {10, 11, 14, 15}) stream.receive(number);
  CHECK(stream.statistics.onRepair(12) == Arrival::reordered);
  CHECK(stream.statistics.onRepair(12) == Arrival::duplicate);
  CHECK(stream.statistics.onRepair(14) == Arrival::duplicate);
  CHECK(stream.statistics.onRepair(30'000) == Arrival::outOfRange);
  CHECK(stream.statistics.packetsReceived() == 4);
  CHECK(stream.statistics.packetsLost() == 2);
  // It was late, not lost; whoever plays it has it already.
  CHECK(stream.receive(12) == Arrival::duplicate);
  CHECK(stream.statistics.packetsReceived() == 5);
  CHECK(stream.statistics.packetsLost() == 1);
  CHECK(stream.statistics.packetsDuplicated() == 0);
  CHECK(stream.receive(13) == Arrival::reordered);
  CHECK(stream.report().cumulativeLost == 0);
  // Once round, nothing is known of the numbers any more.
  for (int number = 16; number <= 16 + 1'030; ++number) stream.receive(static_cast<uint16_t>(number));
  CHECK(stream.statistics.onRepair(12 + 1'024) == Arrival::duplicate);
  CHECK(stream.statistics.packetsDuplicated() == 0);
}
