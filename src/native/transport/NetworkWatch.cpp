#include "NetworkWatch.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#endif

namespace troupe::transport {

#ifdef __linux__

namespace {

// An interface that comes up tells of its link and each of its addresses by itself.
constexpr int kQuietMs = 30;
constexpr int64_t kLongestBatchMs = 200;

std::atomic<int> runningWatchers{0};

std::mutex watcherMutex;
std::weak_ptr<NetworkWatcher> sharedWatcher;

int openRouteSocket() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return -1;
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  local.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) == 0) return fd;
  ::close(fd);
  return -1;
}

/** What kinds of changes the kernel told of. */
struct Changes {
  bool any = false;
  bool isRoute = false;
};

/** Routes of containers and tunnels come and go; only a default route says where media goes. */
void note(const nlmsghdr& message, Changes& changes) {
  const bool isRoute = message.nlmsg_type == RTM_NEWROUTE || message.nlmsg_type == RTM_DELROUTE;
  if (!isRoute) {
    changes.any = true;
    return;
  }
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg))) return;
  const auto* route = static_cast<const rtmsg*>(NLMSG_DATA(&message));
  if (route->rtm_dst_len != 0 || route->rtm_type != RTN_UNICAST) return;
  changes.any = changes.isRoute = true;
}

}  // namespace

/** The one thread. Of what the kernel says only the kind is read: those who are told look for themselves. */
class NetworkWatcher {
 public:
  NetworkWatcher() : socket_(openRouteSocket()), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (socket_ < 0 || wake_ < 0) return;
    ++runningWatchers;
    thread_ = std::thread([this] { run(); });
  }

  ~NetworkWatcher() {
    if (thread_.joinable()) {
      stopping_ = true;
      const uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
      thread_.join();
      --runningWatchers;
    }
    if (socket_ >= 0) ::close(socket_);
    if (wake_ >= 0) ::close(wake_);
  }

  static std::shared_ptr<NetworkWatcher> shared() {
    std::lock_guard lock(watcherMutex);
    std::shared_ptr<NetworkWatcher> watcher = sharedWatcher.lock();
    if (!watcher) sharedWatcher = watcher = std::make_shared<NetworkWatcher>();
    return watcher;
  }

  uint64_t add(NetworkWatch::Changed changed) {
    std::lock_guard lock(mutex_);
    watches_[++lastId_] = std::move(changed);
    return lastId_;
  }

  void remove(uint64_t id) {
    std::lock_guard lock(mutex_);
    watches_.erase(id);
  }

 private:
  void run() {
    pthread_setname_np(pthread_self(), "troupe-network");
    while (waitFor(-1)) {
      Changes changes;
      if (!read(changes)) return;
      if (!changes.any) continue;
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLongestBatchMs);
      while (std::chrono::steady_clock::now() < end && waitFor(kQuietMs)) read(changes);
      if (stopping_) return;
      std::lock_guard lock(mutex_);
      for (const auto& [id, changed] : watches_) changed(changes.isRoute);
    }
  }

  /** False after the timeout, or when it is to end. */
  bool waitFor(int timeoutMs) {
    std::array<pollfd, 2> sockets = {{{socket_, POLLIN, 0}, {wake_, POLLIN, 0}}};
    int ready;
    do {
      ready = ::poll(sockets.data(), sockets.size(), timeoutMs);
    } while (ready < 0 && errno == EINTR);
    return ready > 0 && !stopping_;
  }

  /** False when the socket is of no use any more. */
  bool read(Changes& changes) {
    alignas(nlmsghdr) std::array<uint8_t, 8192> buffer;
    for (;;) {
      const ssize_t size = ::recv(socket_, buffer.data(), buffer.size(), 0);
      if (size > 0) {
        auto left = static_cast<unsigned>(size);
        for (auto* one = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(one, left); one = NLMSG_NEXT(one, left)) {
          note(*one, changes);
        }
        continue;
      }
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == ENOBUFS) {
        // Messages were lost: there may have been any.
        changes.any = changes.isRoute = true;
        continue;
      }
      return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
  }

  const int socket_;
  const int wake_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::map<uint64_t, NetworkWatch::Changed> watches_;
  uint64_t lastId_ = 0;
  std::thread thread_;
};

NetworkWatch::NetworkWatch(Changed changed) : watcher_(NetworkWatcher::shared()) {
  id_ = watcher_->add(std::move(changed));
}

NetworkWatch::~NetworkWatch() { watcher_->remove(id_); }

int NetworkWatch::running() { return runningWatchers; }

#else

class NetworkWatcher {};

NetworkWatch::NetworkWatch(Changed) {}

NetworkWatch::~NetworkWatch() = default;

int NetworkWatch::running() { return 0; }

#endif

}  // namespace troupe::transport
