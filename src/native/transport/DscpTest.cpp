#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "PacketKind.hpp"
#include "TransportPair.hpp"

using namespace troupe::transport;

namespace {

/** Stands between two ends on loopback, and sees the traffic class of what the first of them sends. */
class Observer {
 public:
  explicit Observer(int family) : family_(family), near_(open()), far_(open()) {}
  ~Observer() {
    isEnding_ = true;
    if (thread_.joinable()) thread_.join();
    ::close(near_);
    ::close(far_);
  }

  void start(uint16_t targetPort) {
    target_ = loopback(targetPort);
    thread_ = std::thread([this] { run(); });
  }

  uint16_t port() const {
    sockaddr_in6 address{};
    socklen_t size = sizeof address;
    getsockname(near_, reinterpret_cast<sockaddr*>(&address), &size);
    // The port stands at the same place in both families.
    return ntohs(address.sin6_port);
  }

  /** Code points seen on RTP and RTCP, and on DTLS. */
  std::set<int> media() { return look(media_); }
  std::set<int> dtls() { return look(dtls_); }

 private:
  int open() const {
    const int made = socket(family_, SOCK_DGRAM, 0);
    const sockaddr_in6 any = loopback(0);
    REQUIRE(bind(made, reinterpret_cast<const sockaddr*>(&any), sizeOfAddress()) == 0);
    const int on = 1;
    const bool isV4 = family_ == AF_INET;
    REQUIRE(setsockopt(made, isV4 ? IPPROTO_IP : IPPROTO_IPV6, isV4 ? IP_RECVTOS : IPV6_RECVTCLASS, &on, sizeof on) == 0);
    return made;
  }

  socklen_t sizeOfAddress() const { return family_ == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }

  sockaddr_in6 loopback(uint16_t port) const {
    sockaddr_in6 address{};
    if (family_ == AF_INET6) {
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(port);
      address.sin6_addr = in6addr_loopback;
      return address;
    }
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(&address, &four, sizeof four);
    return address;
  }

  void run() {
    while (!isEnding_) {
      std::array<pollfd, 2> waiting = {{{near_, POLLIN, 0}, {far_, POLLIN, 0}}};
      if (poll(waiting.data(), waiting.size(), 20) <= 0) continue;
      if (waiting[0].revents != 0) pass(near_, far_, client_, target_, true);
      if (waiting[1].revents != 0) pass(far_, near_, target_, client_, false);
    }
  }

  void pass(int from, int to, sockaddr_in6& sender, const sockaddr_in6& receiver, bool isWatched) {
    std::array<uint8_t, 2048> datagram;
    alignas(cmsghdr) std::array<char, 128> control;
    iovec piece = {datagram.data(), datagram.size()};
    msghdr message{};
    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = recvmsg(from, &message, 0);
    if (size <= 0) return;
    if (isWatched) note(message, datagram.data(), static_cast<size_t>(size));
    sendto(to, datagram.data(), static_cast<size_t>(size), 0, reinterpret_cast<const sockaddr*>(&receiver),
           sizeOfAddress());
  }

  void note(msghdr& message, const uint8_t* data, size_t size) {
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
      int value = 0;
      if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS) value = *CMSG_DATA(header);
      else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS)
        std::memcpy(&value, CMSG_DATA(header), sizeof value);
      else continue;
      const PacketKind kind = classifyPacket(data, size);
      std::lock_guard lock(mutex_);
      if (kind == PacketKind::dtls) dtls_.insert(value >> 2);
      if (kind == PacketKind::rtp || kind == PacketKind::rtcp) media_.insert(value >> 2);
    }
  }

  std::set<int> look(const std::set<int>& seen) {
    std::lock_guard lock(mutex_);
    return seen;
  }

  const int family_;
  const int near_;
  const int far_;
  sockaddr_in6 target_{};
  sockaddr_in6 client_{};
  std::atomic<bool> isEnding_{false};
  std::mutex mutex_;
  std::set<int> media_;
  std::set<int> dtls_;
  std::thread thread_;
};

/** Connects by the observer alone; false where the machine has no such loopback. */
bool connectBy(TransportPair& pair, Observer& observer, const std::string& address) {
  TransportParameters offer = pair.parametersOf(pair.leftThread, *pair.left);
  offer.candidates.clear();
  pair.rightThread.invoke([&] { pair.right->setRemoteParameters(offer); });
  TransportParameters answer = pair.parametersOf(pair.rightThread, *pair.right);
  const std::string field = " " + address + " ";
  for (std::string candidate : answer.candidates) {
    const size_t at = candidate.find(field);
    if (at == std::string::npos || candidate.find(" UDP ") == std::string::npos) continue;
    const std::string port = std::to_string(std::stoi(candidate.substr(at + field.size())));
    observer.start(static_cast<uint16_t>(std::stoi(port)));
    answer.candidates = {candidate.replace(at + field.size(), port.size(), std::to_string(observer.port()))};
    pair.leftThread.invoke([&] { pair.left->setRemoteParameters(answer); });
    pair.leftEnd.waitFor([&] { return pair.leftEnd.is(TransportState::connected) && pair.leftEnd.writable; });
    pair.rightEnd.waitFor([&] { return pair.rightEnd.is(TransportState::connected) && pair.rightEnd.writable; });
    return true;
  }
  return false;
}

/** Audio, a data message, video, and audio again, each once the one before has arrived. */
void sendEach(TransportPair& pair) {
  const auto channel = pair.openLeft("data");
  const std::vector<uint8_t> packet = makeRtp(1, {1});
  const std::vector<uint8_t> video = makeRtp(2, {2});
  const std::vector<uint8_t> report = makeReceiverReport();
  REQUIRE(pair.left->sendRtp(packet.data(), packet.size()));
  pair.rightEnd.waitFor([&] { return pair.rightEnd.rtp.size() == 1; });
  pair.sendLeft(channel, {1, 2, 3});
  pair.rightEnd.waitFor([&] { return pair.rightEnd.messages.size() == 1; });
  REQUIRE(pair.left->sendVideoRtp(video.data(), video.size()));
  pair.rightEnd.waitFor([&] { return pair.rightEnd.rtp.size() == 2; });
  REQUIRE(pair.left->sendRtcp(report.data(), report.size()));
  pair.rightEnd.waitFor([&] { return pair.rightEnd.rtcp.size() == 1; });
}

}  // namespace

TEST_CASE("packets carry the code points of their kind, over IPv4 and IPv6") {
  for (const auto& [family, address] : {std::pair{AF_INET, "127.0.0.1"}, std::pair{AF_INET6, "::1"}}) {
    for (const DscpMarks& dscp : {DscpMarks{}, DscpMarks{0, 0, 0}, DscpMarks{63, 26, 10}}) {
      CAPTURE(family);
      CAPTURE(dscp.audio);
      TransportOptions options;
      options.dscp = dscp;
      options.addresses = {address};
      TransportPair pair(options, options);
      const TransportParameters local = pair.parametersOf(pair.rightThread, *pair.right);
      if (std::none_of(local.candidates.begin(), local.candidates.end(), [&](const std::string& candidate) {
            return candidate.find(std::string(" ") + address + " ") != std::string::npos;
          })) {
        // Every machine has the loopback of IPv4; some have none of IPv6.
        REQUIRE(family == AF_INET6);
        MESSAGE("no IPv6 here");
        continue;
      }
      Observer observer(family);
      REQUIRE(connectBy(pair, observer, address));
      sendEach(pair);
      CHECK(observer.media() == std::set<int>{dscp.audio, dscp.video});
      CHECK(observer.dtls() == std::set<int>{dscp.data});
    }
  }
}
