#include "SocketPoll.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace troupe::transport;

namespace {

using Reads = std::vector<std::string>;

struct Loop {
  GMainContext* context = g_main_context_new();
  std::unique_ptr<SocketPoll> sockets = std::make_unique<SocketPoll>(context);
  Reads reads;

  Loop() { sockets->enter(); }
  ~Loop() {
    sockets.reset();
    g_main_context_unref(context);
  }

  void turnUntil(size_t count) {
    while (reads.size() < count) g_main_context_iteration(context, TRUE);
  }
};

/** A watched socket and the far end of it. */
class Line {
 public:
  Line(Loop& loop, const std::string& name, SocketPoll::Read kind) : loop_(loop) {
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends_.data()) == 0);
    loop.sockets->add(ends_[0], [this, name, kind] {
      std::array<char, 8> buffer;
      if (::recv(ends_[0], buffer.data(), buffer.size(), MSG_DONTWAIT) < 0) return SocketPoll::Read::nothing;
      loop_.reads.push_back(name);
      onRead();
      // The loop does not turn for media alone.
      g_main_context_wakeup(loop_.context);
      return kind;
    });
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() {
    loop_.sockets->remove(ends_[0]);
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  void arrive() const { REQUIRE(::send(ends_[1], "x", 1, 0) == 1); }

  std::function<void()> onRead = [] {};

 private:
  Loop& loop_;
  std::array<int, 2> ends_{};
};

void work(int64_t forUs) {
  for (const int64_t endUs = g_get_monotonic_time() + forUs; g_get_monotonic_time() < endUs;) {
  }
}

}  // namespace

TEST_SUITE("SocketPoll") {
  TEST_CASE("reads what carried media first, whatever came before it") {
    Loop loop;
    const Line first(loop, "first", SocketPoll::Read::other);
    const Line second(loop, "second", SocketPoll::Read::other);
    const Line media(loop, "media", SocketPoll::Read::media);
    media.arrive();
    loop.turnUntil(1);
    first.arrive();
    second.arrive();
    media.arrive();
    loop.turnUntil(4);
    CHECK(loop.reads == Reads{"media", "media", "first", "second"});
  }

  TEST_CASE("lets media in between handshakes that take their time, and reads all of them") {
    Loop loop;
    std::vector<std::unique_ptr<Line>> handshakes;
    for (int number = 0; number < 5; ++number)
      handshakes.push_back(std::make_unique<Line>(loop, "handshake", SocketPoll::Read::other));
    const Line media(loop, "media", SocketPoll::Read::media);
    media.arrive();
    loop.turnUntil(1);
    for (const auto& handshake : handshakes) {
      handshake->onRead = [&] {
        media.arrive();
        work(3'000);
      };
      handshake->arrive();
    }
    loop.turnUntil(11);
    Reads expected{"media"};
    for (int number = 0; number < 5; ++number) expected.insert(expected.end(), {"handshake", "media"});
    CHECK(loop.reads == expected);
  }
}
