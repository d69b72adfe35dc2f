#include "IoTimer.hpp"

namespace troupe::transport {

namespace {

gboolean alwaysDispatch(GSource*, GSourceFunc callback, gpointer data) { return callback(data); }

GSourceFuncs timerFunctions = {nullptr, nullptr, alwaysDispatch, nullptr, nullptr, nullptr};

}  // namespace

IoTimer::IoTimer(IoThread& thread, std::function<void()> expired)
    : thread_(thread), expired_(std::move(expired)) {}

IoTimer::~IoTimer() { cancel(); }

void IoTimer::set(int64_t delayMs) {
  if (!source_) {
    source_ = g_source_new(&timerFunctions, sizeof(GSource));
    g_source_set_callback(source_, fire, this, nullptr);
    g_source_attach(source_, thread_.context());
  }
  g_source_set_ready_time(source_, g_get_monotonic_time() + delayMs * 1000);
}

void IoTimer::cancel() {
  if (!source_) return;
  g_source_destroy(source_);
  g_source_unref(source_);
  source_ = nullptr;
}

gboolean IoTimer::fire(gpointer self) {
  auto* timer = static_cast<IoTimer*>(self);
  timer->cancel();
  timer->expired_();
  // The expiry may have set it anew, under another source.
  return G_SOURCE_REMOVE;
}

}  // namespace troupe::transport
