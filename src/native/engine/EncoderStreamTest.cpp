#include "EncoderStream.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "OpusAudioDecoder.hpp"
#include "Source.hpp"

using namespace troupe;

namespace {

constexpr PcmFormat kFormat{48'000, 1};
/** What is fainter than -50 dBov does not count as voice either. */
constexpr int kAudible = 104;

struct SentPacket {
  int64_t atUs;
  std::vector<uint8_t> payload;
  bool marker;
  uint8_t payloadType;
};

class Packets final : public PacketSender {
 public:
  bool sendRtp(const uint8_t* data, size_t size) override {
    RtpPacket packet;
    REQUIRE(RtpPacket::parse({data, size}, packet) == RtpParseError::none);
    sent.push_back({nowUs, {packet.payload().begin(), packet.payload().end()}, packet.marker(), packet.payloadType()});
    return true;
  }
  bool sendRtcp(const uint8_t*, size_t) override { return true; }

  int64_t nowUs = 0;
  std::vector<SentPacket> sent;
};

/** A source, its encoder and one sender on a wire that keeps what it gets. */
struct Bench {
  std::shared_ptr<BatchQueue> events = std::make_shared<BatchQueue>();
  std::shared_ptr<Source> source = std::make_shared<Source>(1, kFormat, 10'000, events);
  std::shared_ptr<PeerWire> wire = std::make_shared<PeerWire>();
  std::shared_ptr<Packets> packets = std::make_shared<Packets>();
  EncoderStream encoder;
  Batch out;
  int64_t number = 100;
  size_t place = 0;

  explicit Bench(const AudioEncoding& encoding = {}, int hangoverMs = 200) : encoder(source, encoding, hangoverMs, 0) {
    wire->setSender(packets);
    wire->setWritable(true);
    SenderOptions options;
    options.ssrc = 1;
    options.codec = {111, "opus", 48'000, 2};
    encoder.addSender(std::make_shared<SenderStream>(2, options, wire));
  }

  void write(int ms) {
    std::vector<int16_t> pcm(static_cast<size_t>(48 * ms));
    for (int16_t& sample : pcm) sample = static_cast<int16_t>(10'000 * std::sin(0.03 * static_cast<double>(place++)));
    source->write(pcm);
  }

  void pass(int ms) {
    for (const int64_t end = number + ms / kTickMs; number < end; ++number) {
      packets->nowUs = number * kTickUs;
      encoder.run({number, number * kTickUs, out});
    }
  }

  const std::vector<SentPacket>& sent() const { return packets->sent; }
};

int peakOf(std::span<const int16_t> pcm) {
  int peak = 0;
  for (const int16_t sample : pcm) peak = std::max(peak, std::abs(int{sample}));
  return peak;
}

/** When the last packet went out in which something can be heard. */
int64_t lastAudibleUs(const std::vector<SentPacket>& sent) {
  OpusAudioDecoder decoder(kFormat);
  std::vector<int16_t> pcm(48 * AudioDecoder::kMaximumPacketMs);
  int64_t last = 0;
  for (const auto& packet : sent) {
    const size_t samples = decoder.decode(packet.payload, pcm);
    if (peakOf(std::span(pcm).first(samples)) >= kAudible) last = packet.atUs;
  }
  return last;
}

OpusParameters framesOf(int frameMs) {
  OpusParameters opus;
  opus.frameMs = frameMs;
  return opus;
}

}  // namespace

TEST_SUITE("EncoderStream") {
  TEST_CASE("makes packets of 10, 20, 40 and 60 ms") {
    for (const int frameMs : {10, 20, 40, 60}) {
      CAPTURE(frameMs);
      Bench bench({AudioEncoding::Codec::opus, framesOf(frameMs)});
      bench.write(2'400);
      bench.pass(2'400);
      const auto packets = static_cast<size_t>(2'400 / frameMs);
      CHECK(bench.sent().size() >= packets - 1);
      CHECK(bench.sent().size() <= packets);
      for (const auto& packet : bench.sent())
        CHECK(OpusAudioDecoder::durationAt48kHz(packet.payload) == static_cast<size_t>(48 * frameMs));
    }
  }

  TEST_CASE("encodes an empty source for its hangover and then no more") {
    Bench bench({}, 200);
    bench.write(100);
    bench.pass(100);
    const size_t voiced = bench.sent().size();
    bench.pass(5'000);
    const size_t withHangover = bench.sent().size();
    CHECK(withHangover - voiced >= 9);
    CHECK(withHangover - voiced <= 11);
    bench.write(100);
    bench.pass(100);
    REQUIRE(bench.sent().size() > withHangover);
    CHECK(bench.sent()[withHangover].marker);
    CHECK_FALSE(bench.sent()[withHangover - 1].marker);
  }

  TEST_CASE("encodes nothing while no sender could send it, counts that, and plays on") {
    Bench bench;
    bench.wire->setWritable(false);
    bench.write(1'000);
    bench.pass(500);
    CHECK(bench.sent().empty());
    CHECK(bench.source->queuedUs() == 500'000);
    CHECK(bench.wire->drops.total() == 25);
    bench.wire->setWritable(true);
    bench.pass(100);
    CHECK(bench.sent().size() == 5);
    CHECK(bench.sent().front().marker);
  }

  TEST_CASE("has nothing audible on the wire 20 ms after a clear, whenever that comes") {
    // In packets of 10 ms the filters of the codec ring into one more.
    for (const auto& [frameMs, boundUs] : {std::pair(20, 20'000), std::pair(10, 30'000)})
      for (int beforeMs = 1'000; beforeMs < 1'080; beforeMs += kTickMs) {
        CAPTURE(frameMs);
        CAPTURE(beforeMs);
        Bench bench({AudioEncoding::Codec::opus, framesOf(frameMs)});
        bench.write(5'000);
        bench.pass(beforeMs);
        // The earliest that a caller can come is right after the tick before.
        const int64_t clearedUs = (bench.number - 1) * kTickUs;
        bench.source->clear();
        bench.pass(500);
        const int64_t silentAfterUs = lastAudibleUs(bench.sent()) - clearedUs;
        CHECK(silentAfterUs <= boundUs);
        CHECK(silentAfterUs > -frameMs * 1'000);
      }
  }

  TEST_CASE("has nothing audible after the packet that is under way at a clear, however long it is") {
    for (const int frameMs : {40, 60})
      for (int beforeMs = 1'200; beforeMs < 1'320; beforeMs += kTickMs) {
        CAPTURE(frameMs);
        CAPTURE(beforeMs);
        Bench bench({AudioEncoding::Codec::opus, framesOf(frameMs)});
        bench.write(5'000);
        bench.pass(beforeMs);
        const int64_t clearedUs = (bench.number - 1) * kTickUs;
        bench.source->clear();
        bench.pass(500);
        CHECK(lastAudibleUs(bench.sent()) - clearedUs <= frameMs * 1'000);
      }
  }

  TEST_CASE("takes back what it holds when a source is cleared that ran dry just before") {
    for (const int dryTicks : {0, 1, 2}) {
      CAPTURE(dryTicks);
      Bench bench({AudioEncoding::Codec::pcmu, framesOf(60)});
      bench.write(1'200 + 30);
      bench.pass(1'200 + 30);
      const size_t before = bench.sent().size();
      bench.pass(dryTicks * kTickMs);
      REQUIRE(bench.source->queuedUs() == 0);
      bench.source->clear();
      bench.pass(200);
      REQUIRE(bench.sent().size() > before);
      size_t audible = 0;
      for (size_t at = before; at < bench.sent().size(); ++at)
        for (const uint8_t byte : bench.sent()[at].payload) audible += (byte | 0x80) < 0xe0 ? 1 : 0;
      // Of 8 a millisecond: the fade-out, and no more than the resampler rings.
      CHECK(audible <= 8 * 4);
    }
  }

  TEST_CASE("takes new parameters while it runs, in the same encoder") {
    Bench bench;
    bench.write(5'000);
    bench.pass(1'000);
    AudioEncoding encoding;
    encoding.opus.bitRate = 8'000;
    encoding.opus.complexity = 1;
    encoding.opus.maxPlaybackRateHz = 16'000;
    encoding.opus.cbr = true;
    CHECK(bench.encoder.update(bench.source.get(), encoding, 200));
    const size_t before = bench.sent().size();
    bench.pass(1'000);
    REQUIRE(bench.sent().size() >= before + 50);
    for (size_t at = before; at < bench.sent().size(); ++at) CHECK(bench.sent()[at].payload.size() <= 20);
    encoding.opus.frameMs = 40;
    CHECK_FALSE(bench.encoder.update(bench.source.get(), encoding, 200));
    CHECK_FALSE(bench.encoder.update(nullptr, {}, 200));
  }

  TEST_CASE("sends the first packet of a pause and few others with DTX") {
    OpusParameters opus;
    opus.dtx = true;
    Bench bench({AudioEncoding::Codec::opus, opus});
    bench.write(1'000);
    bench.source->write(std::vector<int16_t>(48 * 4'000, 0));
    bench.pass(5'000);
    size_t late = 0;
    for (const auto& packet : bench.sent()) late += packet.atUs >= 100 * kTickUs + 2'000'000 ? 1 : 0;
    CHECK(bench.sent().size() >= 50);
    // Of 150: a refresh each 400 ms, in two packets.
    CHECK(late <= 20);
    CHECK(late >= 5);
  }

  TEST_CASE("encodes G.711 at 8 kHz from a source of another rate") {
    Bench bench({AudioEncoding::Codec::pcmu, {}});
    bench.write(1'000);
    bench.pass(1'000);
    REQUIRE(bench.sent().size() >= 49);
    for (const auto& packet : bench.sent()) CHECK(packet.payload.size() == 160);
  }
}
