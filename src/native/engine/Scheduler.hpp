#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "BatchQueue.hpp"
#include "Graph.hpp"
#include "LatenessMeter.hpp"

namespace troupe {

/**
 * One clock thread that says which tick is due, and codec threads that run the tasks of the graph. By hand (no threads
 * at all) `tick` does the same on the caller's thread, at whatever time it is told.
 */
class Scheduler {
 public:
  /** Ticks that a late clock, or a codec thread that lags, still does one after the other. */
  static constexpr int64_t kMaximumCatchUpTicks = 5;

  /** A millisecond each: finer than that a thread does not wake up in time. */
  static constexpr int kMaximumSendSlots = 10;

  struct Options {
    /** 0: one a core. */
    int codecThreads = 0;
    /** No threads; the owner calls `tick`. */
    bool manual = false;
    /** Into how many parts of a tick the streams that send are spread, 1 to kMaximumSendSlots. 1: all at its beginning. */
    int sendSlots = 1;
  };

  struct Stats {
    uint64_t ticks = 0;
    uint64_t skippedTicks = 0;
    LatenessMeter::Summary late;
    double codecThreadCpuMs = 0;
    double clockThreadCpuMs = 0;
  };

  /** `wake` is called when a batch waits in `batches`, on any thread and with no lock held. */
  Scheduler(Options options, BatchQueue& batches, std::function<void()> wake);
  ~Scheduler();

  /** Ends the threads and lets go of all tasks. */
  void stop();

  /** Runs `change` between two ticks, while no task runs; on a codec thread, so that the clock never waits for it. */
  void post(std::function<void(Graph&)> change);

  /** Manual only: runs all ticks up to `nowUs`. */
  void tick(int64_t nowUs);

  /** Monotonic time; by hand, what the last `tick` was told. */
  int64_t nowUs() const;
  Stats stats() const;

 private:
  struct Issued {
    int64_t number = 0;
    int64_t timeUs = 0;
  };

  struct CodecThread {
    std::thread thread;
    std::condition_variable wake;
    /** Ticks of `issuedCount_` that it has dealt with, and those whose part of the batch is there. */
    uint64_t done = 0;
    uint64_t handedOver = 0;
    Batch batch;
    double cpuMsAtEnd = 0;
  };

  void runClock();
  void runCodecThread(size_t index);
  /** The ticks that are due at `nowUs`; skips where there are too many. */
  void issueDue(int64_t nowUs);
  void issue(Issued tick);
  /** Has what was posted applied before the ticks that are issued from now on. */
  void scheduleChanges();
  bool canApplyChanges() const;
  void applyChanges(std::unique_lock<std::mutex>& lock);
  /** How many of the issued ticks may run now. */
  uint64_t runnable() const { return isChanging_ ? ticksBeforeChange_ : issuedCount_; }
  void skipWhatIsTooLate(CodecThread& thread);
  void runTasks(size_t index, const Issued& tick);
  /** The thread's part of the tick's batch is there. */
  void handOver(CodecThread& thread);
  void flush();
  bool allHandedOver() const;

  const Options options_;
  BatchQueue& batches_;
  const std::function<void()> wake_;
  Graph graph_;

  /** Guards what follows, down to the threads; never held while a task runs. */
  mutable std::mutex mutex_;
  std::vector<std::function<void(Graph&)>> changes_;
  /** Changes are to be applied, or are being: ticks beyond the first `ticksBeforeChange_` wait. */
  bool isChanging_ = false;
  bool isApplying_ = false;
  uint64_t ticksBeforeChange_ = 0;
  std::array<Issued, kMaximumCatchUpTicks + 1> issued_;
  uint64_t issuedCount_ = 0;
  bool stopping_ = false;

  std::vector<std::unique_ptr<CodecThread>> codecThreads_;
  std::thread clock_;
  double clockCpuMsAtEnd_ = 0;

  /** Time of tick 0. */
  int64_t epochUs_ = 0;
  int64_t nextTick_ = 0;
  std::atomic<int64_t> manualNowUs_{0};
  std::atomic<uint64_t> ticks_{0};
  std::atomic<uint64_t> skippedTicks_{0};
  LatenessMeter lateness_;
};

}  // namespace troupe
