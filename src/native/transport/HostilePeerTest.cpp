#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include <future>
#include <memory>

#include "HostilePeer.hpp"
#include "TransportPair.hpp"

using namespace troupe;
using namespace troupe::transport;

namespace {

constexpr int kSteps = 400;

/** A transport that meets a hostile peer, on the I/O thread of others. */
class Victim {
 public:
  explicit Victim(IoThread& thread) : thread_(thread) {
    TransportOptions options;
    options.controlling = true;
    thread_.invoke([&] {
      transport_ = std::make_shared<Transport>(thread_, options, end);
      transport_->attach(std::shared_ptr<PacketReceiver>(&end, [](PacketReceiver*) {}));
      transport_->openChannel(nextHandle(), "victim", {}, std::make_shared<ChannelGauge>());
    });
  }
  ~Victim() {
    thread_.invoke([&] { transport_->close(); });
  }

  void meet(IoThread& hostileThread, HostilePeer& hostile) {
    TransportParameters offer;
    TransportParameters answer;
    thread_.invoke([&] { offer = transport_->localParameters(); });
    hostileThread.invoke([&] { answer = hostile.answer(offer); });
    thread_.invoke([&] { transport_->setRemoteParameters(answer); });
  }

  TransportStats stats() {
    TransportStats stats;
    thread_.invoke([&] { stats = transport_->stats(); });
    return stats;
  }

  RecordingEnd end;

 private:
  IoThread& thread_;
  std::shared_ptr<Transport> transport_;
};

/** Both attack at once. `isLetIn` waits for the handshake to end first. */
void attackBesideGoodPair(const HostilePeer::Options& options, bool isLetIn, HostileCounts& counts) {
  TransportPair good;
  good.connect();
  const TransportPair::OpenChannel channel = good.openLeft("good");
  Victim victim(good.rightThread);
  IoThread hostileThread;
  std::unique_ptr<HostilePeer> hostile;
  hostileThread.invoke([&] { hostile = std::make_unique<HostilePeer>(hostileThread, options, counts); });
  victim.meet(hostileThread, *hostile);
  if (isLetIn) victim.end.waitFor([&] { return victim.end.is(TransportState::connected) && victim.end.writable; });
  for (uint16_t step = 0; step < kSteps; ++step) {
    hostileThread.invoke([&] { hostile->attack(); });
    const std::vector<uint8_t> packet = makeRtp(step, {1, 2, 3});
    CHECK(good.left->sendRtp(packet.data(), packet.size()));
    good.sendLeft(channel, {static_cast<uint8_t>(step), static_cast<uint8_t>(step >> 8)});
    // What the machine has no time to read is not the hostile peer's doing.
    good.rightEnd.waitFor([&] { return good.rightEnd.rtp.size() + 50u > step; });
  }
  good.rightEnd.waitFor([&] { return good.rightEnd.rtp.size() == kSteps && good.rightEnd.messages.size() == kSteps; });
  for (size_t i = 0; i < kSteps; ++i) CHECK(good.rightEnd.messages[i].data[0] == static_cast<uint8_t>(i));
  CHECK(good.rightEnd.is(TransportState::connected));
  // Its path may come up only after a quick machine has carried all of the good pair's packets.
  const auto limit = std::chrono::steady_clock::now() + kHangLimit;
  while (victim.stats().traffic.packetsReceived == 0) {
    REQUIRE(std::chrono::steady_clock::now() < limit);
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  hostileThread.invoke([&] {
    hostile->close();
    hostile.reset();
  });
}

bool hasEveryKind(const HostileCounts& counts) {
  for (const Layer layer : {Layer::dtls, Layer::srtp, Layer::sctp}) {
    for (size_t kind = 0; kind < static_cast<size_t>(Damage::kCount); ++kind) {
      if (counts.of(layer, static_cast<Damage>(kind)) == 0) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("a hostile peer that was let in takes nothing from a good pair on the same thread") {
  constexpr uint32_t kMaximumRounds = 40;
  HostileCounts counts;
  // The victim may end the association at the first forged chunk: others come until every kind was sent.
  for (uint32_t seed = 1; seed <= 2 || !hasEveryKind(counts); ++seed) {
    CAPTURE(counts.json());
    REQUIRE(seed <= kMaximumRounds);
    attackBesideGoodPair({.seed = seed, .setup = seed % 2 ? Setup::active : Setup::passive}, true, counts);
  }
}

TEST_CASE("a damaged handshake takes nothing from a good pair on the same thread") {
  HostileCounts counts;
  for (const Setup setup : {Setup::active, Setup::passive}) {
    attackBesideGoodPair({.seed = 3, .setup = setup, .damagesHandshake = true}, false, counts);
  }
  CAPTURE(counts.json());
  CHECK(counts.of(Layer::dtls, Damage::forged) > 0);
}
