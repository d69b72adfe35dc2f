#pragma once

#include <glib.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "SocketPoll.hpp"

namespace troupe::transport {

/**
 * The thread on which ICE, DTLS and SCTP of one environment live: one GMainContext and its loop. Everything of a
 * transport but sending RTP happens here, so nothing there needs a lock.
 */
class IoThread {
 public:
  using Task = std::function<void()>;

  IoThread();
  /** Runs what is posted and waits for what was begun with beginAsync (at most kStopDeadlineMs), then joins. */
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  /** Runs `task` on the thread, in order; from any thread. */
  void post(Task task);
  /** Runs `task` on the thread and waits for it; at once when called there. What it throws is thrown here. */
  void invoke(const Task& task);

  bool isCurrent() const { return std::this_thread::get_id() == thread_.get_id(); }
  GMainContext* context() const { return context_; }
  /** On the thread. */
  SocketPoll& sockets() { return *sockets_; }

  /** Marks work of a library that ends in a callback on this thread; the thread lives until endAsync. */
  void beginAsync() { ++pendingAsync_; }
  void endAsync() { --pendingAsync_; }

  /** How many of these threads run in the process. */
  static int running();

 private:
  static constexpr int64_t kStopDeadlineMs = 500;

  void run();
  void drain();
  static gboolean dispatch(gpointer self);

  GMainContext* context_;
  GMainLoop* loop_;
  GSource* wake_;
  std::unique_ptr<SocketPoll> sockets_;
  std::mutex mutex_;
  std::vector<Task> tasks_;
  int pendingAsync_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace troupe::transport
