#include "IceConnection.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <sstream>
#include <string>
#include <thread>

#include "TransportPair.hpp"

using namespace troupe::transport;

namespace {

constexpr std::string_view kLoopback = " 127.0.0.1 ";

uint16_t portOf(const std::string& candidate) {
  const size_t at = candidate.find(kLoopback);
  REQUIRE(at != std::string::npos);
  return static_cast<uint16_t>(std::stoi(candidate.substr(at + kLoopback.size())));
}

std::string loopbackCandidate(const TransportParameters& parameters) {
  for (const std::string& candidate : parameters.candidates) {
    if (candidate.find(kLoopback) != std::string::npos) return candidate;
  }
  FAIL("no loopback candidate");
  return "";
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/** A path between two ports of loopback that can die: whoever sends to `port()` first talks with `target`. */
class Path {
 public:
  explicit Path(uint16_t target) : near_(open()), far_(open()), target_(loopback(target)) {
    thread_ = std::thread([this] { run(); });
  }
  ~Path() {
    isEnding_ = true;
    thread_.join();
    ::close(near_);
    ::close(far_);
  }
  uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(near_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }
  void die() { isDead_ = true; }
  void comeBack() { isDead_ = false; }

 private:
  static int open() {
    const int made = socket(AF_INET, SOCK_DGRAM, 0);
    const sockaddr_in any = loopback(0);
    REQUIRE(bind(made, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
    return made;
  }

  void run() {
    while (!isEnding_) {
      std::array<pollfd, 2> waiting = {{{near_, POLLIN, 0}, {far_, POLLIN, 0}}};
      if (poll(waiting.data(), waiting.size(), 20) <= 0) continue;
      if (waiting[0].revents != 0) pass(near_, far_, client_, target_);
      if (waiting[1].revents != 0) pass(far_, near_, target_, client_);
    }
  }

  void pass(int from, int to, sockaddr_in& sender, const sockaddr_in& receiver) {
    std::array<uint8_t, 2048> datagram;
    socklen_t addressSize = sizeof sender;
    const ssize_t size =
        recvfrom(from, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&sender), &addressSize);
    if (size <= 0 || isDead_) return;
    sendto(to, datagram.data(), static_cast<size_t>(size), 0, reinterpret_cast<const sockaddr*>(&receiver),
           sizeof receiver);
  }

  const int near_;
  const int far_;
  sockaddr_in target_;
  sockaddr_in client_{};
  std::atomic<bool> isDead_{false};
  std::atomic<bool> isEnding_{false};
  std::thread thread_;
};

/** A STUN server (RFC 8489) that tells everybody the same address, 203.0.113.7:4660. */
class StunServer {
 public:
  StunServer() : socket_(socket(AF_INET, SOCK_DGRAM, 0)) {
    const sockaddr_in any = loopback(0);
    REQUIRE(bind(socket_, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
    thread_ = std::thread([this] { run(); });
  }
  ~StunServer() {
    isEnding_ = true;
    thread_.join();
    ::close(socket_);
  }
  std::string url() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    return "stun:127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }

 private:
  void run() {
    while (!isEnding_) {
      pollfd waiting = {socket_, POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      std::array<uint8_t, 2048> request;
      sockaddr_in from{};
      socklen_t size = sizeof from;
      if (recvfrom(socket_, request.data(), request.size(), 0, reinterpret_cast<sockaddr*>(&from), &size) < 20) continue;
      // Success with XOR-MAPPED-ADDRESS, under the transaction id of the request.
      std::array<uint8_t, 32> answer = {1, 1, 0, 12};
      std::copy(request.begin() + 4, request.begin() + 20, answer.begin() + 4);
      const std::array<uint8_t, 12> mapped = {0,          0x20,       0,          8,          0,          1,
                                              0x12 ^ 0x21, 0x34 ^ 0x12, 203 ^ 0x21, 0 ^ 0x12, 113 ^ 0xa4, 7 ^ 0x42};
      std::copy(mapped.begin(), mapped.end(), answer.begin() + 20);
      sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
    }
  }

  const int socket_;
  std::atomic<bool> isEnding_{false};
  std::thread thread_;
};

/** Two ends whose only path is one that can die. */
class FragilePair : public TransportPair {
 public:
  void connectOver(std::unique_ptr<Path>& path) {
    TransportParameters offer = parametersOf(leftThread, *left);
    offer.candidates.clear();
    rightThread.invoke([&] { right->setRemoteParameters(offer); });
    TransportParameters answer = parametersOf(rightThread, *right);
    const std::string direct = loopbackCandidate(answer);
    const uint16_t target = portOf(direct);
    path = std::make_unique<Path>(target);
    std::string indirect = direct;
    indirect.replace(indirect.find(kLoopback) + kLoopback.size(), std::to_string(target).size(),
                     std::to_string(path->port()));
    answer.candidates = {indirect};
    leftThread.invoke([&] { left->setRemoteParameters(answer); });
    leftEnd.waitFor([&] { return leftEnd.is(TransportState::connected) && leftEnd.writable; });
    rightEnd.waitFor([&] { return rightEnd.is(TransportState::connected) && rightEnd.writable; });
  }
};

struct Side {
  IoThread& thread;
  Transport& transport;
};

/** Address and port of a candidate (RFC 8839, section 5.1: the fifth and sixth field). */
std::string addressOf(const std::string& candidate) {
  std::istringstream fields(candidate);
  std::string skipped, address, port;
  fields >> skipped >> skipped >> skipped >> skipped >> address >> port;
  return address + " " + port;
}

/** Whether what is sent leaves by one of these sockets. Any of the machine's addresses may win the checks. */
bool sendsFrom(const Side& side, const TransportParameters& parameters) {
  TransportStats stats;
  side.thread.invoke([&] { stats = side.transport.stats(); });
  return std::any_of(
      parameters.candidates.begin(), parameters.candidates.end(),
      [&](const std::string& candidate) { return addressOf(candidate) == addressOf(stats.localCandidate); });
}

/** Sends one packet after the other from `from` until `done`; a lost one fails the test. */
void sendUntil(Transport& from, RecordingEnd& to, uint16_t& sequence, const std::function<bool()>& done) {
  const auto limit = std::chrono::steady_clock::now() + kHangLimit;
  for (bool last = false; !last;) {
    REQUIRE(std::chrono::steady_clock::now() < limit);
    last = done();
    const std::vector<uint8_t> packet = makeRtp(sequence++, {1});
    REQUIRE(from.sendRtp(packet.data(), packet.size()));
    to.waitFor([&] { return !to.rtp.empty() && to.rtp.back() == packet; });
  }
}

/** The same over a path that is not there yet: what goes before is lost. */
void sendUntilOneArrives(Transport& from, RecordingEnd& to, uint16_t& sequence) {
  const auto limit = std::chrono::steady_clock::now() + kHangLimit;
  for (bool arrived = false; !arrived;) {
    REQUIRE(std::chrono::steady_clock::now() < limit);
    const std::vector<uint8_t> packet = makeRtp(sequence++, {2});
    from.sendRtp(packet.data(), packet.size());
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    to.look([&] { arrived = !to.rtp.empty() && to.rtp.back()[12] == 2; });
  }
}

}  // namespace

TEST_CASE("a restart by either side in either form loses no packet, and data channels go on") {
  for (const bool byLeft : {true, false}) {
    for (const IceRestart form : {IceRestart::sameSockets, IceRestart::newSockets}) {
      CAPTURE(byLeft);
      CAPTURE(static_cast<int>(form));
      TransportPair pair;
      pair.connect();
      const TransportPair::OpenChannel channel = pair.openLeft("data");
      const Side side = byLeft ? Side{pair.leftThread, *pair.left} : Side{pair.rightThread, *pair.right};
      const TransportParameters before = pair.parametersOf(side.thread, side.transport);
      side.thread.invoke([&] { side.transport.restartIce(form); });
      const TransportParameters after = pair.parametersOf(side.thread, side.transport);
      CHECK(after.iceUfrag != before.iceUfrag);
      const bool isMoving = form == IceRestart::newSockets;
      CHECK((portOf(loopbackCandidate(after)) != portOf(loopbackCandidate(before))) == isMoving);
      CHECK(sendsFrom(side, before));
      uint16_t sequence = 0;
      uint16_t backSequence = 0;
      // Nothing changes before the far side knows.
      sendUntil(*pair.left, pair.rightEnd, sequence, [&] { return sequence == 20; });
      pair.negotiate();
      sendUntil(*pair.left, pair.rightEnd, sequence,
                [&] { return sequence > 500 && sendsFrom(side, after); });
      sendUntil(*pair.right, pair.leftEnd, backSequence, [&] { return backSequence == 500; });
      pair.sendLeft(channel, {1, 2, 3});
      pair.rightEnd.waitFor([&] { return pair.rightEnd.messages.size() == 1; });
      CHECK(pair.leftEnd.states == std::vector{TransportState::connecting, TransportState::connected});
      CHECK(pair.rightEnd.states == std::vector{TransportState::connecting, TransportState::connected});
    }
  }
}

TEST_CASE("an address that a STUN server tells is among the candidates, and a path is found beside it") {
  StunServer server;
  TransportOptions options;
  options.iceServers = {{{server.url()}, "", ""}};
  TransportPair pair(options);
  pair.parametersOf(pair.leftThread, *pair.left);
  pair.leftEnd.waitFor([&] {
    return std::any_of(pair.leftEnd.candidates.begin(), pair.leftEnd.candidates.end(), [](const std::string& candidate) {
      return candidate.find(" 203.0.113.7 4660 typ srflx") != std::string::npos;
    });
  });
  pair.connect();
}

TEST_CASE("only the far side's answer brings new credentials: the offerer keeps its own") {
  TransportPair pair;
  pair.connect();
  const TransportParameters before = pair.parametersOf(pair.leftThread, *pair.left);
  pair.rightThread.invoke([&] { pair.right->restartIce(IceRestart::newSockets); });
  pair.negotiate();
  const TransportParameters after = pair.parametersOf(pair.leftThread, *pair.left);
  CHECK(after.iceUfrag == before.iceUfrag);
  CHECK(after.icePwd == before.icePwd);
}

TEST_CASE("a dead path is replaced by a restart in either form") {
  for (const IceRestart form : {IceRestart::sameSockets, IceRestart::newSockets}) {
    CAPTURE(static_cast<int>(form));
    std::unique_ptr<Path> path;
    FragilePair pair;
    pair.connectOver(path);
    uint16_t sequence = 0;
    sendUntil(*pair.left, pair.rightEnd, sequence, [&] { return sequence == 10; });
    path->die();
    pair.leftThread.invoke([&] { pair.left->restartIce(form); });
    pair.negotiate();
    sendUntilOneArrives(*pair.left, pair.rightEnd, sequence);
    sendUntil(*pair.left, pair.rightEnd, sequence, [&] { return true; });
    uint16_t backSequence = 0;
    sendUntilOneArrives(*pair.right, pair.leftEnd, backSequence);
  }
}

TEST_CASE("a path that dies while a restart waits for its answer is a disconnection, not a failure") {
  std::unique_ptr<Path> path;
  FragilePair pair;
  pair.connectOver(path);
  pair.leftThread.invoke([&] { pair.left->restartIce(IceRestart::newSockets); });
  path->die();
  // Consent (RFC 7675) runs out.
  pair.leftEnd.waitFor([&] { return pair.leftEnd.is(TransportState::disconnected); });
  CHECK_FALSE(pair.leftEnd.writable);
  pair.negotiate();
  pair.leftEnd.waitFor([&] { return pair.leftEnd.is(TransportState::connected) && pair.leftEnd.writable; });
  uint16_t sequence = 0;
  sendUntil(*pair.left, pair.rightEnd, sequence, [&] { return sequence == 10; });
  // Consent runs out on the far side too, in the midst of its own restart.
  uint16_t backSequence = 0;
  sendUntilOneArrives(*pair.right, pair.leftEnd, backSequence);
}

TEST_CASE("a path that comes back after consent ran out is taken again, without a word of the signalling") {
  std::unique_ptr<Path> path;
  FragilePair pair;
  pair.connectOver(path);
  path->die();
  pair.leftEnd.waitFor([&] { return pair.leftEnd.is(TransportState::disconnected); });
  pair.rightEnd.waitFor([&] { return pair.rightEnd.is(TransportState::disconnected); });
  CHECK_FALSE(pair.leftEnd.writable);
  path->comeBack();
  pair.leftEnd.waitFor([&] { return pair.leftEnd.is(TransportState::connected) && pair.leftEnd.writable; });
  pair.rightEnd.waitFor([&] { return pair.rightEnd.is(TransportState::connected) && pair.rightEnd.writable; });
  uint16_t sequence = 0;
  sendUntil(*pair.left, pair.rightEnd, sequence, [&] { return sequence == 10; });
}

TEST_CASE("restarts on new sockets may follow each other, and closing ends all of it") {
  TransportPair pair;
  pair.connect();
  uint16_t sequence = 0;
  for (int round = 0; round < 4; ++round) {
    const Side side = Side{pair.leftThread, *pair.left};
    // The second replaces the first, which nobody has answered.
    pair.leftThread.invoke([&] {
      pair.left->restartIce(IceRestart::newSockets);
      pair.left->restartIce(IceRestart::newSockets);
    });
    const TransportParameters after = pair.parametersOf(side.thread, side.transport);
    pair.negotiate();
    sendUntil(*pair.left, pair.rightEnd, sequence, [&] { return sendsFrom(side, after); });
  }
  pair.leftThread.invoke([&] {
    pair.left->restartIce(IceRestart::newSockets);
    pair.left->close();
    pair.left->restartIce(IceRestart::newSockets);
  });
  pair.rightEnd.waitFor([&] { return pair.rightEnd.is(TransportState::closed); });
}
