#include <sys/event.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "ReadableSockets.hpp"

namespace troupe::transport {

namespace {

constexpr size_t kMostAtOnce = 64;

}  // namespace

// A kqueue is not inherited by a child, so it needs no close-on-exec.
ReadableSockets::ReadableSockets() : queue_(kqueue()) {
  if (queue_ < 0) throw std::runtime_error("no kqueue");
}

ReadableSockets::~ReadableSockets() { ::close(queue_); }

bool ReadableSockets::add(int socket) {
  struct kevent change;
  EV_SET(&change, static_cast<uintptr_t>(socket), EVFILT_READ, EV_ADD, 0, 0, nullptr);
  return kevent(queue_, &change, 1, nullptr, 0, nullptr) == 0;
}

void ReadableSockets::remove(int socket) {
  struct kevent change;
  EV_SET(&change, static_cast<uintptr_t>(socket), EVFILT_READ, EV_DELETE, 0, 0, nullptr);
  kevent(queue_, &change, 1, nullptr, 0, nullptr);
}

size_t ReadableSockets::readable(std::span<int> sockets) const {
  std::array<struct kevent, kMostAtOnce> events;
  const int most = static_cast<int>(std::min(sockets.size(), events.size()));
  const timespec now{};
  const int count = std::max(kevent(queue_, nullptr, 0, events.data(), most, &now), 0);
  for (int i = 0; i < count; ++i) sockets[static_cast<size_t>(i)] = static_cast<int>(events[static_cast<size_t>(i)].ident);
  return static_cast<size_t>(count);
}

int pollFor(std::span<pollfd> descriptors, int64_t timeoutUs) {
  // Rounded up: who waits for a moment must not look again before it.
  const int64_t timeoutMs = std::min<int64_t>((timeoutUs + 999) / 1000, std::numeric_limits<int>::max());
  return ::poll(descriptors.data(), static_cast<nfds_t>(descriptors.size()),
                timeoutUs < 0 ? -1 : static_cast<int>(timeoutMs));
}

}  // namespace troupe::transport
