// Data channels over a link that loses and changes what SCTP sends.
#include "DataChannelLink.hpp"

#include <atomic>

using namespace troupe::transport;

namespace {

/** Loses those of the packets with such a chunk whose turn is at least `from` and less than `to`, counted from 0. */
DataChannelLink::Filter losing(uint8_t chunk, int from, int to) {
  return [=, turn = 0](SctpPacket& packet) mutable {
    if (!packet.holds(chunk)) return true;
    const bool isLost = turn >= from && turn < to;
    ++turn;
    return !isLost;
  };
}

/** Counts packets with such a chunk, and lets all pass. */
DataChannelLink::Filter counting(uint8_t chunk, std::atomic<int>& count) {
  return [=, &count](SctpPacket& packet) {
    if (packet.holds(chunk)) ++count;
    return true;
  };
}

void waitForClose(DataChannelLink& link, const std::vector<uint32_t>& channels) {
  link.left.end.waitFor([&] { return std::ranges::all_of(channels, [&](uint32_t it) { return link.left.end.isClosed(it); }); });
  link.right.end.waitFor([&] { return link.right.end.closed.size() == channels.size(); });
  CHECK(link.left.channelCount() == 0);
}

}  // namespace

TEST_CASE("a channel closes on both sides whichever request or answer of its resets is lost") {
  for (const bool isLeft : {true, false}) {
    for (const int lost : {0, 1}) {
      CAPTURE(isLeft);
      CAPTURE(lost);
      DataChannelLink link;
      link.connect();
      const uint32_t channel = link.openBoth("short");
      const uint32_t other = link.openBoth("other");
      (isLeft ? link.left : link.right).setFilter(losing(SctpPacket::kReconfigure, lost, lost + 1));
      link.left.close(channel);
      link.left.end.waitFor([&] { return link.left.end.isClosed(channel); });
      link.right.end.waitFor([&] { return link.right.end.closed.size() == 1; });
      CHECK(link.left.channelCount() == 1);
      link.left.send(other, {1});
      link.right.end.waitFor([&] { return link.right.end.messages.size() == 1; });
    }
  }
}

TEST_CASE("channels that close at once share a few requests, whichever side closes them") {
  DataChannelLink link;
  link.connect();
  std::vector<uint32_t> near;
  std::vector<uint32_t> far;
  for (int i = 0; i < 100; ++i) near.push_back(link.openBoth("c" + std::to_string(i)));
  link.right.end.look([&] {
    for (const auto& [label, remote] : link.right.end.remote) far.push_back(remote.channel);
  });
  std::atomic<int> requests = 0;
  link.left.setFilter(counting(SctpPacket::kReconfigure, requests));
  link.left.thread.post([&] {
    for (size_t i = 0; i < 50; ++i) link.left.channels->close(near[i]);
  });
  link.right.thread.post([&] {
    for (const uint32_t channel : far) link.right.channels->close(channel);
  });
  waitForClose(link, near);
  // Without bundling there would be at least one a channel.
  CHECK(requests.load() < 40);
}

TEST_CASE("what a channel sent before its close arrives whole over a link that loses") {
  DataChannelLink link;
  link.connect();
  const uint32_t channel = link.openBoth("short");
  const std::vector<uint8_t> large(100'000, 7);
  link.left.setFilter(losing(SctpPacket::kData, 3, 5));
  link.left.send(channel, large);
  link.left.close(channel);
  waitForClose(link, {channel});
  REQUIRE(link.right.end.messages.size() == 1);
  CHECK(link.right.end.messages[0].data == large);
}

TEST_CASE("a close is not held up by what others have on their way, though both sides close and send") {
  DataChannelLink link;
  link.connect();
  const uint32_t flood = link.openBoth("flood");
  const uint32_t first = link.openBoth("first");
  const uint32_t second = link.openBoth("second");
  uint32_t farFlood = 0;
  uint32_t farSecond = 0;
  link.right.end.look([&] {
    farFlood = link.right.end.remote["flood"].channel;
    farSecond = link.right.end.remote["second"].channel;
  });
  const std::vector<uint8_t> large(200'000, 7);
  link.left.thread.post([&] {
    for (int i = 0; i < 8; ++i) link.left.channels->send(flood, large, true);
    link.left.channels->close(first);
  });
  link.right.thread.post([&] {
    for (int i = 0; i < 8; ++i) link.right.channels->send(farFlood, large, true);
    link.right.channels->close(farSecond);
  });
  link.left.end.waitFor([&] { return link.left.end.closed.size() == 2; });
  link.right.end.waitFor([&] { return link.right.end.closed.size() == 2; });
  CHECK(link.left.end.isClosed(first));
  CHECK(link.left.end.isClosed(second));
  link.right.end.waitFor([&] { return link.right.end.messages.size() == 8; });
  link.left.end.waitFor([&] { return link.left.end.messages.size() == 8; });
}

TEST_CASE("a stream is used again although the last word on its old channel was lost") {
  DataChannelLink link;
  link.connect();
  const uint32_t old = link.openBoth("old");
  // The request passes; the answer to what the far side asks for in return does not, once.
  link.left.setFilter(losing(SctpPacket::kReconfigure, 1, 2));
  link.left.close(old);
  link.left.end.waitFor([&] { return link.left.end.isClosed(old); });
  const uint32_t next = link.openBoth("next");
  CHECK(link.right.end.remote["next"].options.id == link.right.end.remote["old"].options.id);
  link.left.send(next, {1, 2, 3});
  link.right.end.waitFor([&] { return link.right.end.messages.size() == 1; });
  CHECK(link.right.end.messages[0].channel == link.right.end.remote["next"].channel);
  CHECK(link.right.end.closed == std::vector{link.right.end.remote["old"].channel});
  link.left.close(next);
  link.left.end.waitFor([&] { return link.left.end.isClosed(next); });
  link.right.end.waitFor([&] { return link.right.end.closed.size() == 2; });
}

TEST_CASE("at the far side's limit of streams a channel is refused with the reason, and the others live on") {
  DataChannelLink link;
  link.right.setFilter([](SctpPacket& packet) {
    packet.setIncomingStreams(8);
    return true;
  });
  ChannelOptions beyond;
  beyond.id = 8;
  const uint32_t early = link.left.open("early", beyond);
  link.connect();
  const uint32_t first = link.openBoth("first");
  link.left.end.waitFor([&] { return link.left.end.isClosed(early); });
  CHECK(link.left.end.closeReasons == std::vector<std::string>{"Expected an id below 8 for a channel but received 8"});
  for (int i = 0; i < 3; ++i) link.openBoth("more" + std::to_string(i));
  CHECK_THROWS_WITH_AS(link.left.open("too many"),
                       "Expected a stream that no channel has: there are 8, and each side opens channels on every other one",
                       InvalidParameters);
  CHECK_THROWS_WITH_AS(link.left.open("beyond", beyond), "Expected an id below 8 for a channel but received 8",
                       InvalidParameters);
  link.left.send(first, {9});
  link.right.end.waitFor([&] { return link.right.end.messages.size() == 1; });
  // A stream that is free again is one to open on.
  link.left.close(first);
  link.left.end.waitFor([&] { return link.left.end.isClosed(first); });
  link.openBoth("again");
}
