#include "DataChannels.hpp"

#include <doctest/doctest.h>

#include "TransportPair.hpp"

using namespace troupe::transport;

namespace {

std::vector<uint8_t> bytesOf(const std::string& text) { return {text.begin(), text.end()}; }

std::vector<uint8_t> patternOf(size_t size) {
  std::vector<uint8_t> data(size);
  for (size_t i = 0; i < size; ++i) data[i] = static_cast<uint8_t>(i * 31 + i / 251);
  return data;
}

}  // namespace

TEST_CASE("a channel carries text, bytes and empty messages both ways") {
  TransportPair pair;
  pair.connect();
  ChannelOptions options;
  options.protocol = "chat";
  const auto left = pair.openLeft("talk", options);
  pair.rightEnd.waitFor([&] { return pair.rightEnd.remoteChannels.size() == 1; });
  const RecordingEnd::RemoteChannel remote = pair.rightEnd.remoteChannels[0];
  CHECK(remote.label == "talk");
  CHECK(remote.options.protocol == "chat");
  CHECK(remote.options.ordered);
  // The left end is the DTLS server here: odd ids.
  CHECK(remote.options.id % 2 == 1);
  pair.sendLeft(left, bytesOf("hello"), false);
  pair.sendLeft(left, {1, 2, 3});
  pair.sendLeft(left, {}, false);
  pair.sendLeft(left, {}, true);
  pair.rightEnd.waitFor([&] { return pair.rightEnd.messages.size() == 4; });
  CHECK(pair.rightEnd.messages[0].data == bytesOf("hello"));
  CHECK_FALSE(pair.rightEnd.messages[0].isBinary);
  CHECK(pair.rightEnd.messages[1].data == std::vector<uint8_t>{1, 2, 3});
  CHECK(pair.rightEnd.messages[1].isBinary);
  CHECK(pair.rightEnd.messages[2].data.empty());
  CHECK_FALSE(pair.rightEnd.messages[2].isBinary);
  CHECK(pair.rightEnd.messages[3].data.empty());
  CHECK(pair.rightEnd.messages[3].isBinary);
  TransportPair::send(pair.rightThread, *pair.right, {remote.channel, remote.gauge}, bytesOf("back"), false);
  pair.leftEnd.waitFor([&] { return pair.leftEnd.messages.size() == 1; });
  CHECK(pair.leftEnd.messages[0].channel == left.handle);
  CHECK(pair.leftEnd.messages[0].data == bytesOf("back"));
}

TEST_CASE("each kind of channel arrives with its kind") {
  TransportPair pair;
  pair.connect();
  ChannelOptions unordered;
  unordered.ordered = false;
  unordered.maxRetransmits = 3;
  ChannelOptions timed;
  timed.maxPacketLifeTimeMs = 150;
  const auto first = pair.openLeft("unordered", unordered);
  const auto second = pair.openLeft("timed", timed);
  pair.rightEnd.waitFor([&] { return pair.rightEnd.remoteChannels.size() == 2; });
  CHECK_FALSE(pair.rightEnd.remoteChannels[0].options.ordered);
  CHECK(pair.rightEnd.remoteChannels[0].options.maxRetransmits == 3);
  CHECK(pair.rightEnd.remoteChannels[1].options.ordered);
  CHECK(pair.rightEnd.remoteChannels[1].options.maxPacketLifeTimeMs == 150);
  pair.sendLeft(first, {1});
  pair.sendLeft(second, {2});
  pair.rightEnd.waitFor([&] { return pair.rightEnd.messages.size() == 2; });
}

TEST_CASE("negotiated channels open without a word and meet by their id") {
  TransportPair pair;
  pair.connect();
  ChannelOptions options;
  options.id = 42;
  const auto left = pair.openLeft("a", options);
  const auto right = TransportPair::open(pair.rightThread, *pair.right, pair.rightEnd, "b", options);
  pair.sendLeft(left, {7});
  pair.rightEnd.waitFor([&] { return pair.rightEnd.messages.size() == 1; });
  CHECK(pair.rightEnd.messages[0].channel == right.handle);
  CHECK(pair.rightEnd.remoteChannels.empty());
  pair.leftThread.invoke([&] {
    CHECK_THROWS_AS(pair.left->openChannel(nextHandle(), "c", options, std::make_shared<ChannelGauge>()),
                    InvalidParameters);
  });
}

TEST_CASE("a channel that was opened before the connection opens with it") {
  TransportPair pair;
  const uint32_t handle = nextHandle();
  const auto gauge = std::make_shared<ChannelGauge>();
  pair.leftThread.invoke([&] { pair.left->openChannel(handle, "early", {}, gauge); });
  pair.connect();
  pair.leftEnd.waitFor([&] { return pair.leftEnd.opened.size() == 1; });
  CHECK(pair.leftEnd.opened[0] == handle);
  CHECK(gauge->maximumMessageBytes() == kMaximumMessageBytes);
}

TEST_CASE("the largest message arrives whole, and the buffered amount falls") {
  TransportPair pair;
  pair.connect();
  const auto channel = pair.openLeft("large");
  const std::vector<uint8_t> large = patternOf(kMaximumMessageBytes);
  for (int i = 0; i < 4; ++i) pair.sendLeft(channel, large);
  pair.rightEnd.waitFor([&] { return pair.rightEnd.messages.size() == 4; });
  for (int i = 0; i < 4; ++i) CHECK(pair.rightEnd.messages[i].data == large);
  pair.leftEnd.waitFor([&] { return !pair.leftEnd.low.empty(); });
  CHECK(channel.gauge->buffered() == 0);
}

TEST_CASE("a full gauge refuses, an empty one takes any message") {
  ChannelGauge gauge;
  CHECK(gauge.reserve(ChannelGauge::kSendBufferBytes * 2));
  CHECK_FALSE(gauge.reserve(1));
  CHECK(gauge.release(ChannelGauge::kSendBufferBytes * 2));
  gauge.setLowThreshold(100);
  CHECK(gauge.reserve(150));
  CHECK_FALSE(gauge.release(20));
  CHECK(gauge.release(50));
  CHECK_FALSE(gauge.release(80));
}

TEST_CASE("a flood waits at its sender while nobody takes the messages, and none is lost") {
  TransportPair pair;
  pair.connect();
  const auto channel = pair.openLeft("flood");
  constexpr size_t kMessageBytes = 64 * 1024;
  constexpr size_t kMessages = 128;
  size_t sent = 0;
  const auto pump = [&] {
    while (sent < kMessages && channel.gauge->reserve(kMessageBytes)) {
      pair.leftThread.invoke([&] { pair.left->sendMessage(channel.handle, patternOf(kMessageBytes), true); });
      ++sent;
    }
  };
  // Nothing is taken at first: the sender comes to a halt well before all is sent.
  pump();
  size_t taken = 0;
  while (taken < kMessages) {
    pair.rightEnd.waitFor([&] { return pair.rightEnd.messages.size() > taken; });
    CHECK(pair.rightEnd.messages.size() - taken < 64);
    pair.right->eventTaken(Transport::eventWeight(kMessageBytes));
    ++taken;
    pump();
  }
  CHECK(pair.rightEnd.messages.size() == kMessages);
}

TEST_CASE("closing a channel delivers what was queued, closes the far end and frees the id") {
  TransportPair pair;
  pair.connect();
  const auto channel = pair.openLeft("short");
  pair.rightEnd.waitFor([&] { return pair.rightEnd.remoteChannels.size() == 1; });
  const RecordingEnd::RemoteChannel remote = pair.rightEnd.remoteChannels[0];
  pair.sendLeft(channel, patternOf(100'000));
  pair.leftThread.invoke([&] { pair.left->closeChannel(channel.handle); });
  pair.rightEnd.waitFor([&] { return pair.rightEnd.closed.size() == 1; });
  CHECK(pair.rightEnd.closed[0] == remote.channel);
  CHECK(pair.rightEnd.messages.size() == 1);
  pair.leftEnd.waitFor([&] { return pair.leftEnd.closed.size() == 1; });
  pair.leftThread.invoke([&] { CHECK(pair.left->stats().channels.empty()); });
  pair.openLeft("again");
  pair.rightEnd.waitFor([&] { return pair.rightEnd.remoteChannels.size() == 2; });
  CHECK(pair.rightEnd.remoteChannels[1].options.id == remote.options.id);
}

TEST_CASE("many channels close at once and each is reported") {
  TransportPair pair;
  pair.connect();
  std::vector<TransportPair::OpenChannel> channels;
  for (int i = 0; i < 20; ++i) channels.push_back(pair.openLeft("c" + std::to_string(i)));
  pair.leftThread.invoke([&] {
    for (const auto& channel : channels) pair.left->closeChannel(channel.handle);
  });
  pair.leftEnd.waitFor([&] { return pair.leftEnd.closed.size() == channels.size(); });
  pair.rightEnd.waitFor([&] { return pair.rightEnd.closed.size() == channels.size(); });
  pair.leftThread.invoke([&] { CHECK(pair.left->stats().channels.empty()); });
}

TEST_CASE("channels close with the far side's transport") {
  TransportPair pair;
  pair.connect();
  const auto channel = pair.openLeft("end");
  pair.rightThread.invoke([&] { pair.right->close(); });
  pair.leftEnd.waitFor([&] { return pair.leftEnd.closed.size() == 1; });
  CHECK(pair.leftEnd.closed[0] == channel.handle);
}

TEST_CASE("without an application section no association is made") {
  TransportPair pair;
  pair.negotiate([](TransportParameters& answer) { answer.maxMessageSize = 0; });
  const uint32_t handle = nextHandle();
  pair.leftThread.invoke([&] { pair.left->openChannel(handle, "never", {}, std::make_shared<ChannelGauge>()); });
  pair.leftEnd.waitFor([&] { return pair.leftEnd.is(TransportState::connected); });
  pair.leftThread.invoke([&] { CHECK(pair.left->stats().channels[0].state == "connecting"); });
}
