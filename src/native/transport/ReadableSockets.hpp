#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe::transport {

/** Which of many sockets have something to read, asked of the kernel: by epoll on Linux, by kqueue on macOS. */
class ReadableSockets {
 public:
  /** @throws std::runtime_error when the system gives no more of them. */
  ReadableSockets();
  ~ReadableSockets();
  ReadableSockets(const ReadableSockets&) = delete;
  ReadableSockets& operator=(const ReadableSockets&) = delete;

  /** False when the system watches no more. */
  bool add(int socket);
  /** Before the socket is closed. */
  void remove(int socket);

  /** The descriptor that poll() finds readable while one of the sockets is. */
  int descriptor() const { return queue_; }
  /** Writes as many as fit, without waiting, and returns how many. */
  size_t readable(std::span<int> sockets) const;

 private:
  int queue_;
};

/** poll(2) with a time in microseconds; for ever where it is negative. macOS waits for whole milliseconds. */
int pollFor(std::span<pollfd> descriptors, int64_t timeoutUs);

}  // namespace troupe::transport
