#include "SocketPoll.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace troupe::transport {

namespace {

constexpr int kEventsPerTurn = 64;
// A socket that is readable and never read would keep the thread busy: ICE gave it up, so it is let go.
constexpr int kMaximumEmptyInARow = 1000;

gboolean alwaysDispatch(GSource*, GSourceFunc callback, gpointer data) { return callback(data); }

GSourceFuncs pollFunctions = {nullptr, nullptr, alwaysDispatch, nullptr, nullptr, nullptr};

}  // namespace

SocketPoll::SocketPoll(GMainContext* context)
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), source_(g_source_new(&pollFunctions, sizeof(GSource))) {
  if (epoll_ < 0) throw std::runtime_error("no epoll");
  g_source_add_unix_fd(source_, epoll_, G_IO_IN);
  g_source_set_callback(source_, dispatch, this, nullptr);
  g_source_attach(source_, context);
}

SocketPoll::~SocketPoll() {
  g_source_destroy(source_);
  g_source_unref(source_);
  ::close(epoll_);
}

void SocketPoll::add(int socket, Readable readable) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = socket;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) == 0) watches_[socket] = {std::move(readable)};
}

void SocketPoll::remove(int socket) {
  if (watches_.erase(socket) > 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
}

gboolean SocketPoll::dispatch(gpointer self) {
  static_cast<SocketPoll*>(self)->dispatchReady();
  return G_SOURCE_CONTINUE;
}

void SocketPoll::dispatchReady() {
  std::array<epoll_event, kEventsPerTurn> events;
  const int count = epoll_wait(epoll_, events.data(), kEventsPerTurn, 0);
  for (int i = 0; i < count; ++i) {
    const int socket = events[static_cast<size_t>(i)].data.fd;
    const auto found = watches_.find(socket);
    if (found == watches_.end()) continue;
    Watch& watch = found->second;
    if (watch.readable()) {
      watch.emptyInARow = 0;
    } else if (++watch.emptyInARow > kMaximumEmptyInARow) {
      remove(socket);
    }
  }
}

}  // namespace troupe::transport
