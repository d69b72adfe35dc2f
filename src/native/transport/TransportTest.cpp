#include "Transport.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "TransportPair.hpp"

using namespace troupe::transport;

namespace {

/** Port of the loopback candidate. */
uint16_t loopbackPort(const TransportParameters& parameters) {
  for (const std::string& candidate : parameters.candidates) {
    const size_t at = candidate.find(" 127.0.0.1 ");
    if (at != std::string::npos) return static_cast<uint16_t>(std::stoi(candidate.substr(at + 11)));
  }
  FAIL("no loopback candidate");
  return 0;
}

/** Sends datagrams to a port of loopback from a socket of its own. */
class Stranger {
 public:
  explicit Stranger(uint16_t port) : socket_(socket(AF_INET, SOCK_DGRAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_port = htons(port);
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  ~Stranger() { ::close(socket_); }
  void send(const std::vector<uint8_t>& datagram) {
    sendto(socket_, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&address_), sizeof address_);
  }

 private:
  int socket_;
  sockaddr_in address_{};
};

}  // namespace

TEST_CASE("two transports connect over loopback and carry RTP and RTCP both ways") {
  TransportPair pair;
  pair.connect();
  const std::vector<uint8_t> rtp = makeRtp(7, {1, 2, 3});
  const std::vector<uint8_t> rtcp = makeReceiverReport();
  CHECK(pair.left->sendRtp(rtp.data(), rtp.size()));
  CHECK(pair.left->sendRtcp(rtcp.data(), rtcp.size()));
  CHECK(pair.right->sendRtp(rtp.data(), rtp.size()));
  pair.rightEnd.waitFor([&] { return pair.rightEnd.rtp.size() == 1 && pair.rightEnd.rtcp.size() == 1; });
  pair.leftEnd.waitFor([&] { return pair.leftEnd.rtp.size() == 1; });
  CHECK(pair.rightEnd.rtp[0] == rtp);
  CHECK(pair.rightEnd.rtcp[0] == rtcp);
  CHECK(pair.leftEnd.rtp[0] == rtp);
}

TEST_CASE("the first local parameters hold every host candidate, so none is reported again") {
  TransportPair pair;
  const TransportParameters local = pair.parametersOf(pair.leftThread, *pair.left);
  CHECK(local.setup == Setup::actpass);
  CHECK(local.fingerprint.size() == 95);
  CHECK(loopbackPort(local) > 0);
  pair.leftEnd.waitFor([&] { return pair.leftEnd.gathered == 1; });
  CHECK(pair.leftEnd.candidates.empty());
}

TEST_CASE("a transport that may only be relayed fails as soon as it is known that there is no relay") {
  TransportOptions options;
  options.relayOnly = true;
  TransportPair pair(options);
  pair.parametersOf(pair.leftThread, *pair.left);
  pair.leftEnd.waitFor([&] { return pair.leftEnd.is(TransportState::failed); });
  pair.leftEnd.look([&] { CHECK(pair.leftEnd.reason.starts_with("no TURN server gave a relay")); });
  CHECK(pair.leftEnd.gathered);
}

TEST_CASE("the roles and ciphers that were agreed stand in the statistics") {
  TransportPair pair;
  pair.connect();
  TransportStats left;
  TransportStats right;
  pair.leftThread.invoke([&] { left = pair.left->stats(); });
  pair.rightThread.invoke([&] { right = pair.right->stats(); });
  CHECK(left.dtlsRole == "server");
  CHECK(right.dtlsRole == "client");
  CHECK(left.tlsVersion == "FEFD");
  CHECK(left.dtlsCipher == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  CHECK(left.dtlsCipher == right.dtlsCipher);
  CHECK(left.srtpCipher == right.srtpCipher);
  CHECK(left.srtpCipher.starts_with("SRTP_AE"));
  CHECK(left.localCandidate.find("typ host") != std::string::npos);
  CHECK(left.remoteCandidate.find("typ host") != std::string::npos);
  CHECK(left.traffic.packetsSent > 0);
  CHECK(left.sinceLastPacketMs >= 0);
}

TEST_CASE("a certificate that does not match the fingerprint is refused before any media") {
  TransportPair pair;
  pair.negotiate([](TransportParameters& answer) { answer.fingerprint.replace(0, 2, answer.fingerprint[0] == 'A' ? "BB" : "AA"); });
  pair.leftEnd.waitFor([&] { return pair.leftEnd.is(TransportState::failed); });
  CHECK(pair.leftEnd.reason == "DTLS failed: the certificate does not match the fingerprint");
  CHECK_FALSE(pair.leftEnd.writable);
  pair.rightEnd.waitFor([&] { return pair.rightEnd.is(TransportState::failed); });
  CHECK_FALSE(pair.rightEnd.writable);
  const std::vector<uint8_t> rtp = makeRtp(1, {1});
  CHECK_FALSE(pair.left->sendRtp(rtp.data(), rtp.size()));
}

TEST_CASE("parameters that no transport could use are refused and change nothing") {
  TransportPair pair;
  const TransportParameters offer = pair.parametersOf(pair.leftThread, *pair.left);
  const auto refuses = [&](const std::function<void(TransportParameters&)>& spoil) {
    TransportParameters spoilt = offer;
    spoil(spoilt);
    pair.rightThread.invoke([&] { CHECK_THROWS_AS(pair.right->setRemoteParameters(spoilt), InvalidParameters); });
  };
  refuses([](TransportParameters& it) { it.iceUfrag = "a b c d"; });
  refuses([](TransportParameters& it) { it.iceUfrag = ""; });
  refuses([](TransportParameters& it) { it.icePwd = "short"; });
  refuses([](TransportParameters& it) { it.fingerprintAlgorithm = "md5"; });
  refuses([](TransportParameters& it) { it.fingerprint = "AA:BB:C"; });
  refuses([](TransportParameters& it) { it.fingerprint = ""; });
  pair.connect();
}

TEST_CASE("candidates of other forms are refused and counted, early ones are kept") {
  TransportPair pair;
  TransportParameters offer = pair.parametersOf(pair.leftThread, *pair.left);
  const std::vector<std::string> candidates = offer.candidates;
  offer.candidates.clear();
  pair.rightThread.invoke([&] {
    for (const std::string& candidate : candidates) CHECK(pair.right->addRemoteCandidate(candidate));
    pair.right->setRemoteParameters(offer);
    CHECK_FALSE(pair.right->addRemoteCandidate("candidate:1 1 TCP 1 127.0.0.1 9 typ host tcptype active"));
    CHECK_FALSE(pair.right->addRemoteCandidate("candidate:1 2 UDP 1 127.0.0.1 9 typ host"));
    CHECK_FALSE(pair.right->addRemoteCandidate("nonsense"));
    CHECK_FALSE(pair.right->addRemoteCandidate(std::string(5000, 'x')));
    CHECK_FALSE(pair.right->addRemoteCandidate("candidate:1 1 UDP 1 127.0.0.1 9 typ host ufrag other"));
    CHECK(pair.right->stats().drops.at("candidate") == 5);
  });
  const TransportParameters answer = pair.parametersOf(pair.rightThread, *pair.right);
  pair.leftThread.invoke([&] { pair.left->setRemoteParameters(answer); });
  pair.leftEnd.waitFor([&] { return pair.leftEnd.is(TransportState::connected); });
  pair.rightEnd.waitFor([&] { return pair.rightEnd.is(TransportState::connected); });
}

TEST_CASE("garbage on the socket does no harm before, while and after it connects") {
  TransportPair pair;
  const TransportParameters local = pair.parametersOf(pair.leftThread, *pair.left);
  Stranger stranger(loopbackPort(local));
  std::mt19937 random(7);
  const auto shower = [&] {
    for (int i = 0; i < 500; ++i) {
      std::vector<uint8_t> datagram(random() % 1400);
      for (uint8_t& byte : datagram) byte = static_cast<uint8_t>(random());
      // Every kind in turn: STUN, DTLS, RTP, RTCP, anything.
      static constexpr uint8_t kFirst[] = {0, 22, 128, 129, 200};
      if (!datagram.empty() && i % 6 < 5) datagram[0] = kFirst[i % 6];
      stranger.send(datagram);
    }
  };
  shower();
  pair.negotiate();
  shower();
  pair.leftEnd.waitFor([&] { return pair.leftEnd.is(TransportState::connected) && pair.leftEnd.writable; });
  pair.rightEnd.waitFor([&] { return pair.rightEnd.is(TransportState::connected) && pair.rightEnd.writable; });
  shower();
  const std::vector<uint8_t> rtp = makeRtp(1, {9});
  REQUIRE(pair.right->sendRtp(rtp.data(), rtp.size()));
  pair.leftEnd.waitFor([&] { return pair.leftEnd.rtp.size() == 1; });
  CHECK(pair.leftEnd.rtp[0] == rtp);
}

TEST_CASE("packets that were sent before are refused and counted") {
  TransportPair pair;
  pair.connect();
  const std::vector<uint8_t> first = makeRtp(5, {1});
  const std::vector<uint8_t> last = makeRtp(6, {2});
  REQUIRE(pair.left->sendRtp(first.data(), first.size()));
  REQUIRE(pair.left->sendRtp(first.data(), first.size()));
  REQUIRE(pair.left->sendRtp(last.data(), last.size()));
  pair.rightEnd.waitFor([&] { return pair.rightEnd.rtp.size() >= 2; });
  CHECK(pair.rightEnd.rtp[1] == last);
  pair.rightThread.invoke([&] { CHECK(pair.right->stats().drops.at("srtpReplay") == 1); });
}

TEST_CASE("several threads may send at once") {
  TransportPair pair;
  pair.connect();
  constexpr uint16_t kPackets = 200;
  std::vector<std::thread> threads;
  for (uint32_t ssrc = 1; ssrc <= 4; ++ssrc) {
    threads.emplace_back([&pair, ssrc] {
      for (uint16_t i = 0; i < kPackets; ++i) {
        const std::vector<uint8_t> packet = makeRtp(i, {1, 2, 3, 4}, ssrc);
        while (!pair.left->sendRtp(packet.data(), packet.size())) std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  pair.rightEnd.waitFor([&] { return pair.rightEnd.rtp.size() == 4 * kPackets; });
  CHECK(pair.rightEnd.rtp.size() == 4 * kPackets);
}

TEST_CASE("a packet beyond the bound and one before the connection are refused and counted") {
  TransportPair pair;
  const std::vector<uint8_t> early = makeRtp(1, {1});
  CHECK_FALSE(pair.left->sendRtp(early.data(), early.size()));
  pair.connect();
  const std::vector<uint8_t> large = makeRtp(1, std::vector<uint8_t>(2000));
  CHECK_FALSE(pair.left->sendRtp(large.data(), large.size()));
  pair.leftThread.invoke([&] {
    CHECK(pair.left->stats().drops.at("notWritable") == 1);
    CHECK(pair.left->stats().drops.at("oversized") == 1);
  });
}

TEST_CASE("ICE restarts on the same sockets while RTP flows, and DTLS stays") {
  TransportPair pair;
  pair.connect();
  const TransportParameters before = pair.parametersOf(pair.leftThread, *pair.left);
  pair.leftThread.invoke([&] { pair.left->restartIce(); });
  const TransportParameters after = pair.parametersOf(pair.leftThread, *pair.left);
  CHECK(after.iceUfrag != before.iceUfrag);
  CHECK(loopbackPort(after) == loopbackPort(before));
  pair.negotiate();
  // Each packet must arrive before the next goes: one that is lost stops the test.
  for (uint16_t sent = 0; sent < 1000; ++sent) {
    const std::vector<uint8_t> packet = makeRtp(sent, {1});
    REQUIRE(pair.left->sendRtp(packet.data(), packet.size()));
    pair.rightEnd.waitFor([&] { return pair.rightEnd.rtp.size() == sent + 1u; });
  }
  CHECK(pair.rightEnd.is(TransportState::connected));
  CHECK(pair.leftEnd.is(TransportState::connected));
  pair.rightThread.invoke([&] { CHECK(pair.right->stats().dtlsState == "connected"); });
}

TEST_CASE("closing tells the far side, and sending afterwards does nothing") {
  TransportPair pair;
  pair.connect();
  pair.leftThread.invoke([&] { pair.left->close(); });
  CHECK_FALSE(pair.leftEnd.writable);
  pair.rightEnd.waitFor([&] { return pair.rightEnd.is(TransportState::closed); });
  CHECK(pair.rightEnd.reason == "the far side closed the connection");
  const std::vector<uint8_t> rtp = makeRtp(1, {1});
  CHECK_FALSE(pair.left->sendRtp(rtp.data(), rtp.size()));
  CHECK_FALSE(pair.right->sendRtp(rtp.data(), rtp.size()));
}

TEST_CASE("a transport closes in every state, twice too") {
  TransportPair untouched;
  untouched.leftThread.invoke([&] {
    untouched.left->close();
    untouched.left->close();
    CHECK(untouched.left->localParameters().candidates.empty());
    CHECK_FALSE(untouched.left->addRemoteCandidate("candidate:1 1 UDP 1 127.0.0.1 9 typ host"));
    CHECK(untouched.left->stats().state == TransportState::closed);
  });
  TransportPair connecting;
  connecting.negotiate();
}
