#pragma once

#include <usrsctp.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>

#include "IoThread.hpp"

namespace troupe::transport {

class SctpAssociation;

/**
 * usrsctp, which is global to the process: started once for all environments and never ended. It knows associations by
 * number, so that what it calls late finds nothing instead of freed memory. Its timers run on one thread of ours, which
 * sleeps while there are no associations.
 */
class SctpStack {
 public:
  static SctpStack& ofProcess();

  /** The number by which usrsctp knows the association from now on. */
  uintptr_t add(SctpAssociation& association, IoThread& thread);
  /** On the association's I/O thread. */
  void remove(uintptr_t id);

  /** For usrsctp_set_upcall; `id` is what add() gave. */
  static void onSocketEvent(struct socket*, void* id, int flags);
  /** Lets the association read if it still exists; on its I/O thread. */
  static void read(uintptr_t id);

 private:
  struct Entry {
    SctpAssociation* association;
    IoThread* thread;
  };

  SctpStack();
  void runTimers();
  template <typename Work>
  void onOwnThread(uintptr_t id, Work work);

  static int onOutput(void* id, void* data, size_t size, uint8_t tos, uint8_t dontFragment);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uintptr_t, Entry> entries_;
  uintptr_t lastId_ = 0;
};

}  // namespace troupe::transport
