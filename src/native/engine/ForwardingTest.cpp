// Video through an engine: what a sender's layers, repairs and requests become at another peer.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "Engine.hpp"
#include "RtcpBuilder.hpp"
#include "RtcpParser.hpp"
#include "RtpPacketBuilder.hpp"

using namespace troupe;

namespace {

constexpr HeaderExtensionIds kSourceIds{4, 10, 1, 2, 0, 11};
constexpr HeaderExtensionIds kTargetIds{5, 0, 0, 3, 0, 0};
constexpr uint8_t kVp8 = 96, kRtx = 97, kVp8AtTarget = 100, kRtxAtTarget = 101;
constexpr uint32_t kTargetSsrc = 0x700, kTargetRtxSsrc = 0x701;

/** What a peer sends. */
struct Wire final : PacketSender {
  bool sendRtp(const uint8_t* data, size_t size) override {
    rtp.emplace_back(data, data + size);
    return true;
  }
  bool sendRtcp(const uint8_t* data, size_t size) override {
    rtcp.emplace_back(data, data + size);
    return true;
  }
  std::vector<std::vector<uint8_t>> rtp;
  std::vector<std::vector<uint8_t>> rtcp;
};

struct PictureLosses final : RtcpVisitor {
  void onPictureLoss(uint32_t, uint32_t ssrc) override { asked.push_back(ssrc); }
  std::vector<uint32_t> asked;
};

struct Sent {
  uint32_t ssrc = 0x100;
  uint16_t number = 1;
  bool key = false;
  std::string rid = {};
  /** As a retransmission with this SSRC. */
  uint32_t repairSsrc = 0;
};

struct Room {
  Engine engine{{1, true}, [] {}};
  int64_t nowUs = 1'000'000;
  uint32_t source = engine.createPeer();
  uint32_t target = engine.createPeer();
  std::shared_ptr<Wire> toSource = std::make_shared<Wire>();
  std::shared_ptr<Wire> toTarget = std::make_shared<Wire>();
  uint32_t receiver = 0;
  std::vector<std::string> layers;

  explicit Room(ReceiverOptions options = {}) {
    engine.peer(source)->wire()->setSender(toSource);
    engine.peer(target)->wire()->setSender(toTarget);
    engine.peer(source)->wire()->setExtensionIds(kSourceIds);
    engine.peer(target)->wire()->setExtensionIds(kTargetIds);
    engine.peer(source)->setWritable(true);
    engine.peer(target)->setWritable(true);
    options.kind = MediaKind::video;
    options.mid = "1";
    options.nack = true;
    options.codecs = {{kVp8, "vp8", 90'000, 1}, {kRtx, "rtx", 90'000, 1, kVp8}};
    receiver = engine.createReceiver(source, options);
  }

  uint32_t forward(const std::string& layer = "") {
    ForwardingOptions options;
    options.mid = "3";
    options.ssrc = kTargetSsrc;
    options.cname = "stage";
    options.payloadTypes = {{kVp8, kVp8AtTarget}};
    options.nack = true;
    options.retransmissionSsrc = kTargetRtxSsrc;
    options.retransmissionPayloadTypes = {{kVp8AtTarget, kRtxAtTarget}};
    options.layer = layer;
    return engine.createForwarder(receiver, target, options);
  }

  void send(const Sent& sent) {
    std::array<uint8_t, 200> buffer;
    const bool repairs = sent.repairSsrc != 0;
    RtpPacketBuilder builder(buffer, {repairs ? kRtx : kVp8, true, repairs ? uint16_t{900} : sent.number,
                                      sent.number * 3'000u, repairs ? sent.repairSsrc : sent.ssrc});
    builder.addMid(kSourceIds, "1");
    const uint8_t id = repairs ? kSourceIds.repairedRid : kSourceIds.rid;
    if (!sent.rid.empty())
      builder.addExtension(id, {reinterpret_cast<const uint8_t*>(sent.rid.data()), sent.rid.size()});
    std::vector<uint8_t> payload{0x10, static_cast<uint8_t>(sent.key ? 0x50 : 0x51), static_cast<uint8_t>(sent.number)};
    if (repairs) payload.insert(payload.begin(), {static_cast<uint8_t>(sent.number >> 8), static_cast<uint8_t>(sent.number)});
    std::copy(payload.begin(), payload.end(), builder.payload().begin());
    const size_t size = builder.finish(payload.size());
    engine.peer(source)->receiveRtp(buffer.data(), size, nowUs);
  }

  void pass(int ms) {
    for (const int64_t end = nowUs + ms * 1'000; nowUs < end; nowUs += kTickUs) {
      engine.tick(nowUs);
      Batch batch;
      while (engine.batches().take(batch))
        for (size_t at = 0; at < batch.records.size(); at += kRecordStride)
          if (batch.records[at] == static_cast<double>(RecordKind::layerSwitched))
            layers.push_back(batch.texts[static_cast<size_t>(batch.records[at + 4])]);
    }
  }

  void tell(const std::function<void(RtcpBuilder&)>& what) {
    std::array<uint8_t, 200> buffer;
    RtcpBuilder builder(buffer);
    builder.addReceiverReport(9);
    what(builder);
    engine.peer(target)->receiveRtcp(builder.bytes().data(), builder.size(), nowUs);
  }

  std::vector<uint32_t> keyFramesAsked() const {
    PictureLosses losses;
    for (const auto& packet : toSource->rtcp) RtcpParser::parse(packet, losses);
    return losses.asked;
  }

  /** Last bytes of the payloads that came, which are the source's numbers. */
  std::vector<int> arrived() const {
    std::vector<int> numbers;
    for (const auto& packet : toTarget->rtp) numbers.push_back(packet.back());
    return numbers;
  }
};

}  // namespace

TEST_SUITE("forwarded video") {
  TEST_CASE("asks for a key frame when a receiver comes, and sends on under the target's numbers") {
    Room room;
    room.send({.number = 1});
    room.forward();
    CHECK(room.keyFramesAsked() == std::vector<uint32_t>{0x100});
    room.send({.number = 2});
    REQUIRE(room.toTarget->rtp.size() == 1);
    RtpPacket packet;
    REQUIRE(RtpPacket::parse(room.toTarget->rtp[0], packet) == RtpParseError::none);
    CHECK(packet.ssrc() == kTargetSsrc);
    CHECK(packet.payloadType() == kVp8AtTarget);
    CHECK(packet.mid(kTargetIds) == "3");
    CHECK(packet.rid(kSourceIds).empty());
    CHECK(packet.absoluteSendTime(kTargetIds));
  }

  TEST_CASE("asks for a key frame that was wanted before the first packet, unless one begins with that") {
    for (const bool beginsWithKey : {false, true}) {
      CAPTURE(beginsWithKey);
      Room room;
      room.forward();
      room.pass(100);
      CHECK(room.keyFramesAsked().empty());
      room.send({.number = 1, .key = beginsWithKey});
      room.pass(20);
      CHECK(room.keyFramesAsked() == (beginsWithKey ? std::vector<uint32_t>{} : std::vector<uint32_t>{0x100}));
      room.pass(1'000);
      CHECK(room.keyFramesAsked().size() == (beginsWithKey ? 0 : 1));
    }
  }

  TEST_CASE("a request for a key frame that comes too soon waits, and not once the key frame is there") {
    Room room;
    room.pass(10);
    room.send({.number = 1});
    room.forward();
    room.tell([](RtcpBuilder& rtcp) { rtcp.addPictureLoss(9, kTargetSsrc); });
    CHECK(room.keyFramesAsked().size() == 1);
    room.pass(600);
    CHECK(room.keyFramesAsked().size() == 2);
    room.send({.number = 2});
    room.tell([](RtcpBuilder& rtcp) { rtcp.addFullIntraRequest(9, kTargetSsrc, 1); });
    room.send({.number = 3, .key = true});
    room.pass(600);
    CHECK(room.keyFramesAsked().size() == 2);
  }

  TEST_CASE("answers the target's requests for packets as RTX") {
    Room room;
    room.forward();
    room.send({.number = 1, .key = true});
    RtpPacket first;
    const auto bytes = room.toTarget->rtp[0];
    REQUIRE(RtpPacket::parse(bytes, first) == RtpParseError::none);
    const std::array<uint16_t, 1> missing{first.sequenceNumber()};
    room.tell([&](RtcpBuilder& rtcp) { rtcp.addNack(9, kTargetSsrc, missing); });
    REQUIRE(room.toTarget->rtp.size() == 2);
    RtpPacket repair;
    REQUIRE(RtpPacket::parse(room.toTarget->rtp[1], repair) == RtpParseError::none);
    CHECK(repair.ssrc() == kTargetRtxSsrc);
    CHECK(repair.payloadType() == kRtxAtTarget);
    CHECK(repair.retransmitted(kTargetSsrc, kVp8AtTarget)->sequenceNumber() == first.sequenceNumber());
  }

  TEST_CASE("sends the requested layer, by the rid that stood in a layer's first packets") {
    Room room;
    const uint32_t forwarder = room.forward("r1");
    room.send({0x100, 1, true, "r0"});
    room.send({0x200, 101, false, "r1"});
    room.pass(20);
    CHECK(room.keyFramesAsked() == std::vector<uint32_t>{0x200});
    room.send({0x100, 2, false, ""});
    room.send({0x200, 102, true, ""});
    room.send({0x100, 3, false, ""});
    CHECK(room.arrived() == std::vector<int>{1, 2, 102});
    room.engine.requestLayer(forwarder, "r0");
    room.send({0x200, 103, false, ""});
    room.send({0x100, 4, true, ""});
    room.send({0x200, 104, false, ""});
    CHECK(room.arrived() == std::vector<int>{1, 2, 102, 103, 4});
    room.engine.requestLayer(forwarder, "none");
    room.send({0x100, 5, true, ""});
    CHECK(room.arrived().size() == 5);
    room.pass(20);
    CHECK(room.layers == std::vector<std::string>{"r0", "r1", "r0"});
  }

  TEST_CASE("puts a layer's retransmission in its place by the repaired rid, and asks its stream for key frames") {
    Room room;
    room.forward("r1");
    room.send({0x100, 1, true, "r0"});
    room.send({0x200, 101, true, "r1"});
    room.send({0x200, 103, false, ""});
    room.send({0x200, 102, false, "r1", 0x201});
    CHECK(room.arrived() == std::vector<int>{1, 101, 103, 102});
    RtpPacket before, late;
    REQUIRE(RtpPacket::parse(room.toTarget->rtp[2], before) == RtpParseError::none);
    REQUIRE(RtpPacket::parse(room.toTarget->rtp[3], late) == RtpParseError::none);
    CHECK(late.sequenceNumber() == static_cast<uint16_t>(before.sequenceNumber() - 1));
    room.tell([](RtcpBuilder& rtcp) { rtcp.addPictureLoss(9, kTargetSsrc); });
    CHECK(room.keyFramesAsked() == std::vector<uint32_t>{0x200});
    std::vector<InboundStats> inbound;
    std::vector<OutboundStats> outbound;
    room.engine.peer(room.source)->appendStats(inbound, outbound);
    REQUIRE(inbound.size() == 2);
    CHECK(inbound[0].rid == "r0");
    CHECK(inbound[1].rid == "r1");
    CHECK(inbound[1].retransmittedPacketsReceived == 1);
  }

  TEST_CASE("tells a sender at once what it may use") {
    ReceiverOptions options;
    options.maximumBitRate = 5'000'000;
    Room room(options);
    room.pass(20);
    const auto isRemb = [](const std::vector<uint8_t>& packet) {
      return std::search(packet.begin(), packet.end(), "REMB", "REMB" + 4) != packet.end();
    };
    CHECK(std::count_if(room.toSource->rtcp.begin(), room.toSource->rtcp.end(), isRemb) == 1);
  }

  TEST_CASE("knows how loud a sender says it is without decoding anything") {
    Engine engine({1, true}, [] {});
    const uint32_t peer = engine.createPeer();
    engine.peer(peer)->wire()->setExtensionIds(kSourceIds);
    ReceiverOptions options;
    options.mid = "0";
    options.ssrcs = {5};
    options.codecs = {{111, "opus", 48'000, 2}};
    const uint32_t receiver = engine.createReceiver(peer, options);
    CHECK(engine.takeLoudest(receiver) == -127);
    for (const int8_t level : {-40, -20, -60}) {
      std::array<uint8_t, 100> buffer;
      RtpPacketBuilder builder(buffer, {111, false, static_cast<uint16_t>(100 + level), 0, 5});
      builder.addAudioLevel(kSourceIds, {level, true});
      builder.payload()[0] = 0;
      const size_t size = builder.finish(1);
      engine.peer(peer)->receiveRtp(buffer.data(), size, 1'000);
    }
    CHECK(engine.takeLoudest(receiver) == -20);
    CHECK(engine.takeLoudest(receiver) == -127);
  }
}
