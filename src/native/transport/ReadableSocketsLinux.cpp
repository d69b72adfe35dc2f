#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "ReadableSockets.hpp"

namespace troupe::transport {

namespace {

constexpr size_t kMostAtOnce = 64;

}  // namespace

ReadableSockets::ReadableSockets() : queue_(epoll_create1(EPOLL_CLOEXEC)) {
  if (queue_ < 0) throw std::runtime_error("no epoll");
}

ReadableSockets::~ReadableSockets() { ::close(queue_); }

bool ReadableSockets::add(int socket) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = socket;
  return epoll_ctl(queue_, EPOLL_CTL_ADD, socket, &event) == 0;
}

void ReadableSockets::remove(int socket) { epoll_ctl(queue_, EPOLL_CTL_DEL, socket, nullptr); }

size_t ReadableSockets::readable(std::span<int> sockets) const {
  std::array<epoll_event, kMostAtOnce> events;
  const int most = static_cast<int>(std::min(sockets.size(), events.size()));
  const int count = std::max(epoll_wait(queue_, events.data(), most, 0), 0);
  for (int i = 0; i < count; ++i) sockets[static_cast<size_t>(i)] = events[static_cast<size_t>(i)].data.fd;
  return static_cast<size_t>(count);
}

int pollFor(std::span<pollfd> descriptors, int64_t timeoutUs) {
  if (timeoutUs < 0) return ::ppoll(descriptors.data(), descriptors.size(), nullptr, nullptr);
  const timespec left{timeoutUs / 1'000'000, timeoutUs % 1'000'000 * 1000};
  return ::ppoll(descriptors.data(), descriptors.size(), &left, nullptr);
}

}  // namespace troupe::transport
