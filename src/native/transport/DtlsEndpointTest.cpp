#include "DtlsEndpoint.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "Certificate.hpp"
#include "DtlsRecords.hpp"

using namespace troupe::transport;

namespace {

constexpr std::chrono::seconds kHangLimit(120);

/** One end whose datagrams go to the other by way of the thread. */
class End : public DtlsListener {
 public:
  explicit End(IoThread& thread) : thread_(thread) {
    thread_.invoke([&] {
      endpoint = std::make_unique<DtlsEndpoint>(thread_, Certificate::ofProcess(), static_cast<DtlsListener&>(*this));
    });
  }
  ~End() override {
    thread_.invoke([&] { endpoint.reset(); });
  }

  void start(bool isClient) {
    thread_.invoke([&] { endpoint->start(isClient, "sha-256", Certificate::ofProcess()->fingerprint()); });
  }

  void send(const std::vector<uint8_t>& data) {
    thread_.invoke([&] { CHECK(endpoint->send(data.data(), data.size())); });
  }

  void receive(const std::vector<uint8_t>& datagram) {
    thread_.invoke([&] { endpoint->receive(datagram.data(), datagram.size()); });
  }

  void waitFor(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, kHangLimit, condition));
  }

  bool sendDtls(const uint8_t* data, size_t size) override {
    thread_.post([this, datagram = std::vector<uint8_t>(data, data + size)] {
      if (other->endpoint) other->endpoint->receive(datagram.data(), datagram.size());
    });
    return true;
  }
  void onDtlsConnected(const SrtpKeys&) override {
    record([&] { isConnected = true; });
  }
  void onDtlsData(const uint8_t* data, size_t size) override {
    record([&] { received.emplace_back(data, data + size); });
  }
  void onDtlsDropped(Drop reason) override {
    record([&] { ++(reason == Drop::dtlsRecord ? malformed : early); });
  }
  void onDtlsClosed() override {}
  void onDtlsFailed(const std::string& reason) override {
    record([&] { failure = reason; });
  }

  End* other = nullptr;
  std::unique_ptr<DtlsEndpoint> endpoint;
  bool isConnected = false;
  int malformed = 0;
  int early = 0;
  std::string failure;
  std::vector<std::vector<uint8_t>> received;

 private:
  void record(const std::function<void()>& change) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  IoThread& thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

std::vector<uint8_t> record(uint8_t type, uint8_t epoch, uint16_t length, size_t bytes) {
  std::vector<uint8_t> made = {type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 1, 0, static_cast<uint8_t>(length >> 8),
                               static_cast<uint8_t>(length)};
  made.resize(made.size() + bytes, 7);
  return made;
}

}  // namespace

TEST_CASE("records that anybody can forge do not end an association, and are counted") {
  IoThread thread;
  End client(thread);
  End server(thread);
  client.other = &server;
  server.other = &client;
  const auto forge = [&](End& end) {
    // Encrypted ones of every length that no cipher makes, and some that it could.
    for (uint16_t length = 0; length < 40; ++length) {
      for (const uint8_t type : {20, 21, 22, 23}) end.receive(record(type, 1, length, length));
    }
    end.receive(record(23, 1, 500, 100));
    end.receive(record(23, 1, 100, 500));
    end.receive(std::vector<uint8_t>(60'000, 23));
  };
  forge(server);
  client.start(true);
  forge(client);
  server.start(false);
  forge(server);
  client.waitFor([&] { return client.isConnected; });
  server.waitFor([&] { return server.isConnected; });
  forge(client);
  forge(server);
  client.send({1, 2, 3});
  server.waitFor([&] { return !server.received.empty(); });
  server.send({4});
  client.waitFor([&] { return !client.received.empty(); });
  CHECK(server.received[0] == std::vector<uint8_t>{1, 2, 3});
  CHECK(client.received[0] == std::vector<uint8_t>{4});
  CHECK(client.failure.empty());
  CHECK(server.failure.empty());
  CHECK(client.malformed >= 2 * 4 * 16);
}

TEST_CASE("records that come before the role is known are held, within a bound, and the rest is counted") {
  IoThread thread;
  End left(thread);
  End right(thread);
  left.other = &right;
  right.other = &left;
  for (int i = 0; i < 20; ++i) right.receive(record(22, 0, 0, 0));
  CHECK(right.early == 4);
  CHECK(right.malformed == 0);
  right.start(false);
  left.start(true);
  left.waitFor([&] { return left.isConnected; });
  right.waitFor([&] { return right.isConnected; });
}

TEST_CASE("a datagram is whole records or none at all") {
  const auto join = [](std::vector<uint8_t> a, const std::vector<uint8_t>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  const auto plain = record(22, 0, 5, 5);
  const auto encrypted = record(23, 1, 24, 24);
  CHECK(holdsWholeRecords(plain, 24));
  CHECK(holdsWholeRecords(record(22, 0, 0, 0), 24));
  CHECK(holdsWholeRecords(join(plain, encrypted), 24));
  CHECK_FALSE(holdsWholeRecords({}, 24));
  CHECK_FALSE(holdsWholeRecords(record(23, 1, 23, 23), 24));
  CHECK(holdsWholeRecords(record(23, 1, 16, 16), 16));
  CHECK_FALSE(holdsWholeRecords(record(22, 0, 6, 5), 24));
  CHECK_FALSE(holdsWholeRecords(join(encrypted, {22}), 24));
  CHECK_FALSE(holdsWholeRecords(record(22, 0, 20'000, 20'000), 24));
}
