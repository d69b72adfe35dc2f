#include "IoThread.hpp"

#include <future>

#include "../engine/ThreadName.hpp"

namespace troupe::transport {

namespace {

std::atomic<int> runningThreads{0};

gboolean alwaysDispatch(GSource*, GSourceFunc callback, gpointer data) { return callback(data); }

// Ready only when its ready time says so; prepare and check of their own are not needed.
GSourceFuncs wakeFunctions = {nullptr, nullptr, alwaysDispatch, nullptr, nullptr, nullptr};

}  // namespace

IoThread::IoThread()
    : context_(g_main_context_new()),
      loop_(g_main_loop_new(context_, FALSE)),
      wake_(g_source_new(&wakeFunctions, sizeof(GSource))),
      sockets_(std::make_unique<SocketPoll>(context_)) {
  g_source_set_callback(wake_, dispatch, this, nullptr);
  g_source_attach(wake_, context_);
  ++runningThreads;
  thread_ = std::thread([this] { run(); });
}

IoThread::~IoThread() {
  post([this] {
    stopping_ = true;
    g_main_loop_quit(loop_);
  });
  thread_.join();
  --runningThreads;
  sockets_.reset();
  g_source_destroy(wake_);
  g_source_unref(wake_);
  g_main_loop_unref(loop_);
  g_main_context_unref(context_);
}

int IoThread::running() { return runningThreads; }

void IoThread::post(Task task) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (first) g_source_set_ready_time(wake_, 0);
}

void IoThread::invoke(const Task& task) {
  if (isCurrent()) return task();
  std::promise<void> done;
  post([&] {
    try {
      task();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

void IoThread::run() {
  nameThisThread("troupe-io");
  sockets_->enter();
  g_main_context_push_thread_default(context_);
  g_main_loop_run(loop_);
  const int64_t deadlineUs = g_get_monotonic_time() + kStopDeadlineMs * 1000;
  GSource* alarm = g_timeout_source_new(static_cast<guint>(kStopDeadlineMs));
  g_source_set_callback(alarm, [](gpointer) -> gboolean { return G_SOURCE_REMOVE; }, nullptr, nullptr);
  g_source_attach(alarm, context_);
  while (pendingAsync_ > 0 && g_get_monotonic_time() < deadlineUs) g_main_context_iteration(context_, TRUE);
  g_source_destroy(alarm);
  g_source_unref(alarm);
  while (g_main_context_iteration(context_, FALSE)) {
  }
  g_main_context_pop_thread_default(context_);
}

gboolean IoThread::dispatch(gpointer self) {
  static_cast<IoThread*>(self)->drain();
  return G_SOURCE_CONTINUE;
}

void IoThread::drain() {
  g_source_set_ready_time(wake_, -1);
  std::vector<Task> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (Task& task : tasks) task();
}

}  // namespace troupe::transport
