#pragma once

#include <glib.h>

#include <cstdint>
#include <functional>

#include "IoThread.hpp"

namespace troupe::transport {

/** A one-shot timer on an I/O thread; made, set, cancelled and destroyed there. */
class IoTimer {
 public:
  IoTimer(IoThread& thread, std::function<void()> expired);
  ~IoTimer();
  IoTimer(const IoTimer&) = delete;
  IoTimer& operator=(const IoTimer&) = delete;

  /** Fires once in `delayMs`; an earlier setting is replaced. */
  void set(int64_t delayMs);
  void cancel();

 private:
  static gboolean fire(gpointer self);

  IoThread& thread_;
  /** There only while the timer is set: the loop looks at every source it has at each wake-up. */
  GSource* source_ = nullptr;
  std::function<void()> expired_;
};

}  // namespace troupe::transport
