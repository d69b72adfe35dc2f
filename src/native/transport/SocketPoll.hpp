#pragma once

#include <glib.h>

#include <functional>
#include <unordered_map>

namespace troupe::transport {

/**
 * Watches the sockets of an I/O thread by epoll, as one source of its loop. GLib and poll look at every socket at each
 * wake-up; with hundreds of them that costs more than the packets do. All on the I/O thread.
 */
class SocketPoll {
 public:
  /** Reads what there is; false when there was nothing. */
  using Readable = std::function<bool()>;

  explicit SocketPoll(GMainContext* context);
  ~SocketPoll();
  SocketPoll(const SocketPoll&) = delete;
  SocketPoll& operator=(const SocketPoll&) = delete;

  void add(int socket, Readable readable);
  /** Before the socket is closed. */
  void remove(int socket);

 private:
  struct Watch {
    Readable readable;
    int emptyInARow = 0;
  };

  void dispatchReady();
  static gboolean dispatch(gpointer self);

  int epoll_;
  GSource* source_;
  std::unordered_map<int, Watch> watches_;
};

}  // namespace troupe::transport
