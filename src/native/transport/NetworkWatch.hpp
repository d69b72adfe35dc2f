#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace troupe::transport {

class NetworkWatcher;

/**
 * Tells that addresses, links or default routes of this machine may have changed (rtnetlink(7)), as long as it lives. All
 * of a process share one thread and one socket, which go with the last of them. Where there is no rtnetlink nothing is
 * ever told.
 */
class NetworkWatch {
 public:
  /**
   * Runs on the watcher's thread, after changes that come close together once; it must neither wait nor end a watch.
   * `isRoute`: a default route is among them.
   */
  using Changed = std::function<void(bool isRoute)>;

  explicit NetworkWatch(Changed changed);
  /** When it returns, `changed` does not run and will not any more. */
  ~NetworkWatch();
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  /** How many of the watchers' threads run in the process. */
  static int running();

 private:
  std::shared_ptr<NetworkWatcher> watcher_;
  // Without rtnetlink there is nothing to take off.
  [[maybe_unused]] uint64_t id_ = 0;
};

}  // namespace troupe::transport
