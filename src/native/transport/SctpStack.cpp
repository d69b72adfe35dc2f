#include "SctpStack.hpp"

#include <chrono>
#include <thread>
#include <vector>

#include "../engine/ThreadName.hpp"
#include "SctpAssociation.hpp"

namespace troupe::transport {

namespace {

// Retransmissions and delayed acknowledgements need no finer clock, and each wake-up costs.
constexpr std::chrono::milliseconds kTimerStep{20};
constexpr uint32_t kShortestTimeoutMs = 200;
constexpr uint32_t kFirstTimeoutMs = 500;
constexpr uint32_t kLongestTimeoutMs = 10'000;
// The usual 200 ms would be part of every round trip that is measured, and so of what waits for a loss; and a channel
// closes only once its last message was acknowledged.
constexpr uint32_t kAcknowledgementDelayMs = 20;

void tune() {
  usrsctp_sysctl_set_sctp_blackhole(2);
  usrsctp_sysctl_set_sctp_ecn_enable(0);
  usrsctp_sysctl_set_sctp_asconf_enable(0);
  usrsctp_sysctl_set_sctp_auth_enable(0);
  usrsctp_sysctl_set_sctp_nr_outgoing_streams_default(SctpAssociation::kStreams);
  usrsctp_sysctl_set_sctp_delayed_sack_time_default(kAcknowledgementDelayMs);
  usrsctp_sysctl_set_sctp_rto_min_default(kShortestTimeoutMs);
  usrsctp_sysctl_set_sctp_rto_initial_default(kFirstTimeoutMs);
  usrsctp_sysctl_set_sctp_rto_max_default(kLongestTimeoutMs);
  usrsctp_sysctl_set_sctp_init_rto_max_default(kLongestTimeoutMs);
}

}  // namespace

SctpStack& SctpStack::ofProcess() {
  // Never destroyed: usrsctp and the timer thread use it until the process ends.
  static auto* stack = new SctpStack();
  return *stack;
}

SctpStack::SctpStack() {
  usrsctp_init_nothreads(0, onOutput, nullptr);
  tune();
  std::thread([this] { runTimers(); }).detach();
}

void SctpStack::runTimers() {
  nameThisThread("troupe-sctp");
  using Clock = std::chrono::steady_clock;
  Clock::time_point last = Clock::now();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (entries_.empty()) {
        changed_.wait(lock, [this] { return !entries_.empty(); });
        last = Clock::now();
      }
    }
    std::this_thread::sleep_for(kTimerStep);
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - last);
    last += elapsed;
    usrsctp_handle_timers(static_cast<uint32_t>(elapsed.count()));
  }
}

uintptr_t SctpStack::add(SctpAssociation& association, IoThread& thread) {
  std::lock_guard lock(mutex_);
  const uintptr_t id = ++lastId_;
  entries_[id] = {&association, &thread};
  usrsctp_register_address(reinterpret_cast<void*>(id));
  changed_.notify_all();
  return id;
}

void SctpStack::remove(uintptr_t id) {
  usrsctp_deregister_address(reinterpret_cast<void*>(id));
  std::lock_guard lock(mutex_);
  entries_.erase(id);
}

template <typename Work>
void SctpStack::onOwnThread(uintptr_t id, Work work) {
  SctpAssociation* association = nullptr;
  {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    if (!found->second.thread->isCurrent()) {
      // Posted under the lock: the thread outlives the entry.
      found->second.thread->post([this, id, work] { onOwnThread(id, work); });
      return;
    }
    association = found->second.association;
  }
  // Only this thread removes the entry, so the association is there while this runs.
  work(*association);
}

int SctpStack::onOutput(void* id, void* data, size_t size, uint8_t, uint8_t) {
  SctpStack& stack = ofProcess();
  const auto key = reinterpret_cast<uintptr_t>(id);
  const auto* bytes = static_cast<const uint8_t*>(data);
  bool isOwnThread = false;
  {
    std::lock_guard lock(stack.mutex_);
    const auto found = stack.entries_.find(key);
    if (found == stack.entries_.end()) return 0;
    isOwnThread = found->second.thread->isCurrent();
  }
  if (isOwnThread) {
    stack.onOwnThread(key, [bytes, size](SctpAssociation& association) { association.output(bytes, size); });
  } else {
    stack.onOwnThread(key, [copy = std::vector<uint8_t>(bytes, bytes + size)](SctpAssociation& association) {
      association.output(copy.data(), copy.size());
    });
  }
  return 0;
}

void SctpStack::onSocketEvent(struct socket*, void* id, int) {
  ofProcess().onOwnThread(reinterpret_cast<uintptr_t>(id),
                          [](SctpAssociation& association) { association.onSocketEvent(); });
}

void SctpStack::read(uintptr_t id) {
  ofProcess().onOwnThread(id, [](SctpAssociation& association) { association.readAvailable(); });
}

}  // namespace troupe::transport
