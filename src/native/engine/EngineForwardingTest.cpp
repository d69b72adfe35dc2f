// What an engine passes on from one peer to another, and the requests that go back.
#include <doctest/doctest.h>

#include <array>

#include "EngineBench.hpp"
#include "RtcpBuilder.hpp"
#include "RtcpParser.hpp"
#include "RtpPacketBuilder.hpp"

using namespace troupe;

namespace {

std::vector<uint8_t> videoPacket(uint16_t sequenceNumber, uint32_t ssrc) {
  std::vector<uint8_t> bytes(200);
  RtpHeader header;
  header.payloadType = kVideo.payloadType;
  header.sequenceNumber = sequenceNumber;
  header.timestamp = 1'000;
  header.ssrc = ssrc;
  RtpPacketBuilder builder(bytes, header);
  builder.payload();
  bytes.resize(builder.finish(100));
  return bytes;
}

class Requests final : public RtcpVisitor {
 public:
  void onNack(uint32_t, uint32_t mediaSsrc, uint16_t sequenceNumber) override {
    asked.emplace_back(mediaSsrc, sequenceNumber);
  }
  std::vector<std::pair<uint32_t, uint16_t>> asked;
};

class PictureLosses final : public RtcpVisitor {
 public:
  void onPictureLoss(uint32_t, uint32_t mediaSsrc) override { asked.push_back(mediaSsrc); }
  std::vector<uint32_t> asked;
};

}  // namespace

TEST_SUITE("Engine forwarding") {
  TEST_CASE("passes a request for a key frame from the far side of a forwarder to its source, at most twice a second") {
    EngineBench bench;
    const uint32_t receiver = bench.receive(bench.near, 500, kVideo);
    ForwardingOptions options;
    options.mid = "v";
    options.ssrc = 600;
    options.cname = "stage";
    options.payloadTypes = {{96, 97}};
    options.nack = true;
    const auto third = bench.engine.createPeer();
    const auto wire = std::make_shared<TestWire>(bench.engine.peer(bench.far), bench.nowUs);
    bench.engine.peer(third)->wire()->setSender(wire);
    bench.engine.peer(third)->setWritable(true);
    bench.engine.createForwarder(receiver, third, options);
    const auto video = videoPacket(1, 500);
    bench.engine.peer(bench.near)->receiveRtp(video.data(), video.size(), bench.nowUs);
    CHECK(wire->rtpPackets == 1);
    for (int request = 0; request < 10; ++request) {
      std::array<uint8_t, 100> buffer;
      RtcpBuilder builder(buffer);
      builder.addReceiverReport(9);
      builder.addPictureLoss(9, 600);
      bench.engine.peer(third)->receiveRtcp(builder.bytes().data(), builder.size(), bench.nowUs);
    }
    PictureLosses losses;
    for (const auto& packet : bench.out->rtcp) RtcpParser::parse(packet, losses);
    CHECK(losses.asked == std::vector<uint32_t>{500});
  }

  TEST_CASE("asks the source for what a forwarder's far side misses and its history does not have") {
    EngineBench bench;
    const uint32_t receiver = bench.receive(bench.near, 500, kVideo);
    ForwardingOptions options;
    options.mid = "v";
    options.ssrc = 600;
    options.payloadTypes = {{96, 97}};
    options.nack = true;
    const auto third = bench.engine.createPeer();
    const auto wire = std::make_shared<TestWire>(bench.engine.peer(bench.far), bench.nowUs);
    bench.engine.peer(third)->wire()->setSender(wire);
    bench.engine.peer(third)->setWritable(true);
    bench.engine.createForwarder(receiver, third, options);
    std::vector<uint16_t> sent;
    wire->onRtp = [&](const RtpPacket& packet) { sent.push_back(packet.sequenceNumber()); };
    // 12 was lost on its way here; 13 is lost behind us.
    for (const uint16_t number : {10, 11, 13}) {
      const auto video = videoPacket(number, 500);
      bench.engine.peer(bench.near)->receiveRtp(video.data(), video.size(), bench.nowUs);
    }
    REQUIRE(sent.size() == 3);
    std::array<uint8_t, 100> buffer;
    RtcpBuilder builder(buffer);
    builder.addReceiverReport(9);
    const std::array<uint16_t, 2> missing{static_cast<uint16_t>(sent[2] - 1), sent[2]};
    builder.addNack(9, 600, missing);
    bench.engine.peer(third)->receiveRtcp(builder.bytes().data(), builder.size(), bench.nowUs);
    CHECK(wire->rtpPackets == 4);
    bench.pass(20);
    Requests requests;
    for (const auto& packet : bench.out->rtcp) RtcpParser::parse(packet, requests);
    REQUIRE_FALSE(requests.asked.empty());
    CHECK(requests.asked.front() == std::pair<uint32_t, uint16_t>(500, 12));
  }
}
