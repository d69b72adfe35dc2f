#pragma once

#include <glib.h>
#include <poll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "ReadableSockets.hpp"

namespace troupe::transport {

/**
 * Watches the sockets of an I/O thread by a queue of the kernel, inside its loop's wait. GLib looks at every source and
 * poll at every socket at each wake-up; with hundreds of connections that costs more than the packets do. So where only
 * media came the loop does not even turn, and where media comes all the time it is fetched once a millisecond. Sockets
 * that carried media come first, so that hundreds of handshakes at a time do not hold it up. All on the I/O thread.
 */
class SocketPoll {
 public:
  enum class Read {
    /** There was nothing. */
    nothing,
    /** Media alone: nothing of the loop's has changed by it. */
    media,
    /** Something else; it may have set timers of the loop. */
    other,
  };
  using Readable = std::function<Read()>;

  /** From now on the loop of `context` waits here. One for each thread. */
  explicit SocketPoll(GMainContext* context);
  ~SocketPoll();
  SocketPoll(const SocketPoll&) = delete;
  SocketPoll& operator=(const SocketPoll&) = delete;

  /** On the thread that runs the loop, before it does. */
  void enter();

  /** @throws std::runtime_error when the system watches no more of them. */
  void add(int socket, Readable readable);
  /** Before the socket is closed. */
  void remove(int socket);

 private:
  struct Watch {
    Readable readable;
    bool carriesMedia = false;
    int emptyInARow = 0;
  };

  static gint poll(GPollFD* descriptors, guint count, gint timeoutMs);
  int wait(GPollFD* descriptors, guint count, gint timeoutMs);
  int pollUntil(size_t count, int64_t deadlineUs);
  /** Whether only media came. */
  bool dispatchReady();
  void read(int socket, Watch& watch, bool& isMediaAlone);
  bool carriesMedia(int socket) const;
  /** Until when packets may gather before they are fetched; 0 where they are too rare for that. */
  int64_t gatherUntilUs() const;
  void learnInterval(int packets);

  ReadableSockets sockets_;
  GMainContext* const context_;
  std::unordered_map<int, std::shared_ptr<Watch>> watches_;
  /** The loop's, and that of the sockets behind them. */
  std::vector<pollfd> polled_;
  int64_t lastWakeUs_ = 0;
  /** Between two packets of any sockets. */
  int64_t meanIntervalUs_ = 4'000;
};

}  // namespace troupe::transport
