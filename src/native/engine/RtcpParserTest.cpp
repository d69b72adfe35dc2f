#include <doctest/doctest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "RtcpBuilder.hpp"
#include "RtcpParser.hpp"

using namespace troupe;

namespace {
class Recorder : public RtcpVisitor {
 public:
  void onSenderReport(uint32_t ssrc, const SenderInfo& info) override { senderReports.emplace_back(ssrc, info); }
  void onReceiverReport(uint32_t ssrc) override { receiverReports.push_back(ssrc); }
  void onReportBlock(uint32_t, const ReportBlock& block) override { blocks.push_back(block); }
  void onCname(uint32_t ssrc, std::string_view cname) override { cnames.emplace_back(ssrc, cname); }
  void onBye(uint32_t ssrc, std::string_view reason) override { byes.emplace_back(ssrc, reason); }
  void onNack(uint32_t, uint32_t media, uint16_t number) override { nacks.emplace_back(media, number); }
  void onPictureLoss(uint32_t, uint32_t media) override { pictureLosses.push_back(media); }
  void onFullIntraRequest(uint32_t, uint32_t media, uint8_t command) override { intra.emplace_back(media, command); }
  void onTransportFeedback(uint32_t, const TransportFeedback& feedback) override { feedbacks.push_back(feedback); }

  std::vector<std::pair<uint32_t, SenderInfo>> senderReports;
  std::vector<uint32_t> receiverReports;
  std::vector<ReportBlock> blocks;
  std::vector<std::pair<uint32_t, std::string>> cnames;
  std::vector<std::pair<uint32_t, std::string>> byes;
  std::vector<std::pair<uint32_t, uint16_t>> nacks;
  std::vector<uint32_t> pictureLosses;
  std::vector<std::pair<uint32_t, uint8_t>> intra;
  std::vector<TransportFeedback> feedbacks;
};

const SenderInfo kInfo{0x0123456789abcdef, 1000, 20, 3000};
const ReportBlock kBlock{0xaaaa, 64, -5, 0x00010002, 77, 0x89abcdef, 65536};
}  // namespace

TEST_CASE("RTCP sender report, CNAME and BYE survive the way there and back in one compound") {
  std::array<uint8_t, 1500> buffer{};
  RtcpBuilder builder(buffer);
  REQUIRE(builder.addSenderReport(1, kInfo, {&kBlock, 1}));
  REQUIRE(builder.addCname(1, "troupe"));
  REQUIRE(builder.addBye(1, "over"));
  Recorder seen;
  const auto result = RtcpParser::parse(builder.bytes(), seen);
  CHECK(result.packets == 3);
  CHECK(result.malformed == 0);
  REQUIRE(seen.senderReports.size() == 1);
  CHECK(seen.senderReports[0].first == 1);
  CHECK(seen.senderReports[0].second == kInfo);
  REQUIRE(seen.blocks.size() == 1);
  CHECK(seen.blocks[0] == kBlock);
  REQUIRE(seen.cnames.size() == 1);
  CHECK(seen.cnames[0].second == "troupe");
  REQUIRE(seen.byes.size() == 1);
  CHECK(seen.byes[0].second == "over");
}

TEST_CASE("RTCP receiver report, PLI and FIR survive the way there and back") {
  std::array<uint8_t, 1500> buffer{};
  RtcpBuilder builder(buffer);
  const std::array<ReportBlock, 2> blocks{kBlock, kBlock};
  REQUIRE(builder.addReceiverReport(9, blocks));
  REQUIRE(builder.addPictureLoss(9, 0xbbbb));
  REQUIRE(builder.addFullIntraRequest(9, 0xcccc, 3));
  Recorder seen;
  CHECK(RtcpParser::parse(builder.bytes(), seen).packets == 3);
  CHECK(seen.receiverReports == std::vector<uint32_t>{9});
  CHECK(seen.blocks.size() == 2);
  CHECK(seen.pictureLosses == std::vector<uint32_t>{0xbbbb});
  REQUIRE(seen.intra.size() == 1);
  CHECK(seen.intra[0] == std::pair<uint32_t, uint8_t>{0xcccc, 3});
}

TEST_CASE("REMB says a bit rate with 18 bits of it") {
  std::array<uint8_t, 100> buffer{};
  RtcpBuilder builder(buffer);
  REQUIRE(builder.addMaximumBitRate(9, 5'000'000));
  const auto bytes = builder.bytes();
  REQUIRE(bytes.size() == 20);
  CHECK(bytes[0] == (0x80 | 15));
  CHECK(bytes[1] == 206);
  CHECK(std::string(bytes.begin() + 12, bytes.begin() + 16) == "REMB");
  CHECK(bytes[16] == 0);
  const uint32_t exponent = bytes[17] >> 2;
  const uint32_t mantissa = (bytes[17] & 3u) << 16 | bytes[18] << 8 | bytes[19];
  CHECK((uint64_t{mantissa} << exponent) == 5'000'000);
}

TEST_CASE("a NACK packs neighbours into one entry and goes over the wrap") {
  std::array<uint8_t, 200> buffer{};
  RtcpBuilder builder(buffer);
  const std::vector<uint16_t> wanted{65534, 65535, 0, 14, 15, 300};
  REQUIRE(builder.addNack(1, 2, wanted));
  // 65534 to 14 are 16 apart; 15 and 300 need an entry each.
  CHECK(builder.size() == 12 + 3 * 4);
  Recorder seen;
  CHECK(RtcpParser::parse(builder.bytes(), seen).packets == 1);
  std::vector<uint16_t> numbers;
  for (const auto& [media, number] : seen.nacks) {
    CHECK(media == 2);
    numbers.push_back(number);
  }
  CHECK(numbers == wanted);
}

TEST_CASE("RTCP that does not fit is not written at all") {
  std::array<uint8_t, 40> buffer{};
  RtcpBuilder builder(buffer);
  CHECK(builder.addReceiverReport(1));
  CHECK_FALSE(builder.addSenderReport(1, kInfo, {&kBlock, 1}));
  CHECK(builder.size() == 8);
  CHECK(builder.addPictureLoss(1, 2));
  CHECK(builder.size() == 20);
}

TEST_CASE("RTCP counts a lost number below zero and clamps one that is too large") {
  std::array<uint8_t, 200> buffer{};
  RtcpBuilder builder(buffer);
  ReportBlock high = kBlock;
  high.cumulativeLost = 0x7fffffff;
  ReportBlock low = kBlock;
  low.cumulativeLost = -0x7fffffff;
  const std::array<ReportBlock, 2> blocks{high, low};
  REQUIRE(builder.addReceiverReport(1, blocks));
  Recorder seen;
  RtcpParser::parse(builder.bytes(), seen);
  CHECK(seen.blocks[0].cumulativeLost == 0x7fffff);
  CHECK(seen.blocks[1].cumulativeLost == -0x800000);
}

TEST_CASE("every truncation of a compound is malformed, but what is whole before it is told") {
  std::array<uint8_t, 1500> buffer{};
  RtcpBuilder builder(buffer);
  builder.addReceiverReport(9, {&kBlock, 1});
  const size_t first = builder.size();
  builder.addCname(9, "someone");
  builder.addBye(9, "tired");
  builder.addPictureLoss(9, 1);
  const std::vector<uint8_t> whole(builder.bytes().begin(), builder.bytes().end());
  for (size_t size = 1; size < whole.size(); ++size) {
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + size);
    Recorder seen;
    const auto result = RtcpParser::parse(part, seen);
    CHECK(seen.receiverReports.size() == (size >= first ? 1 : 0));
    CHECK(result.packets < 4);
    CHECK(result.malformed + result.packets >= 1);
  }
}

TEST_CASE("packets that lie about their contents are malformed") {
  Recorder seen;
  // A receiver report that claims a block it does not have.
  CHECK(RtcpParser::parse(std::vector<uint8_t>{0x81, 201, 0, 1, 0, 0, 0, 9}, seen).malformed == 1);
  // A BYE whose reason is longer than the packet.
  CHECK(RtcpParser::parse(std::vector<uint8_t>{0x81, 203, 0, 2, 0, 0, 0, 9, 7, 'a', 'b', 'c'}, seen).malformed == 1);
  // A description whose item list does not end.
  CHECK(RtcpParser::parse(std::vector<uint8_t>{0x81, 202, 0, 2, 0, 0, 0, 9, 1, 2, 'a', 'b'}, seen).malformed == 1);
  // Padding that is no multiple of four.
  CHECK(RtcpParser::parse(std::vector<uint8_t>{0xa0, 201, 0, 1, 0, 0, 0, 3}, seen).malformed == 1);
  // Another version.
  CHECK(RtcpParser::parse(std::vector<uint8_t>{0x40, 201, 0, 1, 0, 0, 0, 9}, seen).malformed == 1);
  CHECK(seen.byes.empty());
}

TEST_CASE("unknown RTCP types and formats are skipped, and what follows is told") {
  std::vector<uint8_t> bytes{0x80, 207, 0, 1, 1, 2, 3, 4, 0x8e, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2};
  std::array<uint8_t, 100> buffer{};
  RtcpBuilder builder(buffer);
  builder.addPictureLoss(1, 2);
  bytes.insert(bytes.end(), builder.bytes().begin(), builder.bytes().end());
  Recorder seen;
  const auto result = RtcpParser::parse(bytes, seen);
  CHECK(result.skipped == 2);
  CHECK(result.packets == 1);
  CHECK(seen.pictureLosses.size() == 1);
}

TEST_CASE("padding at the end of a compound is taken off") {
  Recorder seen;
  const std::vector<uint8_t> bytes{0xa1, 203, 0, 2, 0, 0, 0, 9, 0, 0, 0, 4};
  CHECK(RtcpParser::parse(bytes, seen).packets == 1);
  REQUIRE(seen.byes.size() == 1);
  CHECK(seen.byes[0].second.empty());
}

TEST_CASE("transport-wide feedback is read with the padding of libwebrtc, to the end of the word") {
  // As Chromium sent them: five packets of which all came, and three of which all came.
  const std::vector<uint8_t> five{0xaf, 0xcd, 0x00, 0x06, 0x1b, 0xf0, 0x53, 0x59, 0xda, 0x43, 0x0d, 0xf4, 0x00, 0x02,
                                  0x00, 0x05, 0x00, 0x94, 0x43, 0x0c, 0x20, 0x05, 0xe3, 0x00, 0x1e, 0x80, 0x27, 0x01};
  const std::vector<uint8_t> three{0xaf, 0xcd, 0x00, 0x06, 0x1b, 0xf0, 0x53, 0x59, 0xda, 0x43, 0x0d, 0xf4, 0x00, 0x07,
                                   0x00, 0x03, 0x00, 0x94, 0x3e, 0x03, 0x20, 0x03, 0x21, 0x30, 0x50, 0x00, 0x00, 0x03};
  Recorder seen;
  CHECK(RtcpParser::parse(five, seen).packets == 1);
  CHECK(RtcpParser::parse(three, seen).packets == 1);
  REQUIRE(seen.feedbacks.size() == 2);
  CHECK(seen.feedbacks[0].packetCount == 5);
  CHECK(seen.feedbacks[0].receivedCount == 5);
  CHECK(seen.feedbacks[1].packetCount == 3);
  CHECK(seen.feedbacks[1].receivedCount == 3);
  std::vector<uint8_t> beyond = three;
  beyond.back() = 25;
  CHECK(RtcpParser::parse(beyond, seen).malformed == 1);
  // One more is padding than leaves the deltas whole.
  std::vector<uint8_t> cut = three;
  cut.back() = 4;
  CHECK(RtcpParser::parse(cut, seen).malformed == 1);
}
