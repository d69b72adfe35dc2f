#include "Scheduler.hpp"

#include <algorithm>
#include <utility>

#include "Audio.hpp"
#include "ThreadClock.hpp"
#include "ThreadName.hpp"

namespace troupe {

namespace {

size_t threadsFor(const Scheduler::Options& options) {
  if (options.manual) return 1;
  if (options.codecThreads > 0) return static_cast<size_t>(options.codecThreads);
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

Scheduler::Scheduler(Options options, BatchQueue& batches, std::function<void()> wake)
    : options_(options), batches_(batches), wake_(std::move(wake)), graph_(threadsFor(options)) {
  for (size_t index = 0; index < graph_.threads(); ++index) codecThreads_.push_back(std::make_unique<CodecThread>());
  if (options.manual) return;
  epochUs_ = monotonicUs() + kTickUs;
  for (size_t index = 0; index < codecThreads_.size(); ++index) {
    codecThreads_[index]->thread = std::thread([this, index] { runCodecThread(index); });
  }
  clock_ = std::thread([this] { runClock(); });
}

Scheduler::~Scheduler() { stop(); }

void Scheduler::stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    for (const auto& thread : codecThreads_) thread->wake.notify_all();
  }
  if (clock_.joinable()) clock_.join();
  for (const auto& thread : codecThreads_)
    if (thread->thread.joinable()) thread->thread.join();
  for (const auto& change : std::exchange(changes_, {})) change(graph_);
  graph_.clear();
}

void Scheduler::post(std::function<void(Graph&)> change) {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  changes_.push_back(std::move(change));
}

void Scheduler::tick(int64_t nowUs) {
  if (!options_.manual || stopping_) return;
  if (epochUs_ == 0) epochUs_ = nowUs;
  manualNowUs_ = nowUs;
  issueDue(nowUs);
}

int64_t Scheduler::nowUs() const { return options_.manual ? manualNowUs_.load() : monotonicUs(); }

void Scheduler::runClock() {
  nameThisThread("troupe-clock");
  for (;;) {
    sleepUntilUs(epochUs_ + nextTick_ * kTickUs);
    {
      std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    const int64_t now = monotonicUs();
    lateness_.add(now - (epochUs_ + nextTick_ * kTickUs));
    issueDue(now);
  }
  std::lock_guard lock(mutex_);
  clockCpuMsAtEnd_ = threadCpuMs();
}

void Scheduler::issueDue(int64_t nowUs) {
  int64_t due = (nowUs - epochUs_) / kTickUs - nextTick_ + 1;
  if (due > kMaximumCatchUpTicks) {
    const int64_t skipped = due - kMaximumCatchUpTicks;
    nextTick_ += skipped;
    skippedTicks_ += static_cast<uint64_t>(skipped);
    due = kMaximumCatchUpTicks;
  }
  for (; due > 0; --due, ++nextTick_) issue({nextTick_, epochUs_ + nextTick_ * kTickUs});
}

void Scheduler::issue(Issued tick) {
  ++ticks_;
  {
    std::unique_lock lock(mutex_);
    scheduleChanges();
    if (options_.manual && isChanging_) applyChanges(lock);
    if (stopping_) return;
    issued_[issuedCount_ % issued_.size()] = tick;
    ++issuedCount_;
    for (size_t index = 0; index < codecThreads_.size(); ++index) {
      CodecThread& thread = *codecThreads_[index];
      // While a change is made the graph is not to be read.
      if (options_.manual || (!isChanging_ && graph_.tasksOf(index).empty() && thread.done + 1 == issuedCount_)) {
        thread.done = thread.handedOver = issuedCount_;
      } else {
        thread.wake.notify_one();
      }
    }
    // What a thread that lags has not got to yet does not hold up the rest.
    if (!options_.manual && !allHandedOver()) {
      lock.unlock();
      if (batches_.flush()) wake_();
      return;
    }
  }
  if (options_.manual) runTasks(0, tick);
  flush();
}

void Scheduler::scheduleChanges() {
  if (changes_.empty() || isChanging_) return;
  isChanging_ = true;
  ticksBeforeChange_ = issuedCount_;
}

bool Scheduler::canApplyChanges() const {
  return isChanging_ && !isApplying_ &&
         std::all_of(codecThreads_.begin(), codecThreads_.end(),
                     [this](const auto& thread) { return thread->done == ticksBeforeChange_; });
}

void Scheduler::applyChanges(std::unique_lock<std::mutex>& lock) {
  isApplying_ = true;
  auto changes = std::exchange(changes_, {});
  lock.unlock();
  for (const auto& change : changes) change(graph_);
  graph_.rebuild();
  // What they hold may end with them, and the clock needs the lock.
  changes.clear();
  lock.lock();
  isApplying_ = isChanging_ = false;
  for (const auto& thread : codecThreads_) thread->wake.notify_one();
}

void Scheduler::runCodecThread(size_t index) {
  nameThisThread("troupe-codec");
  CodecThread& self = *codecThreads_[index];
  std::unique_lock lock(mutex_);
  for (;;) {
    self.wake.wait(lock, [&] { return stopping_ || canApplyChanges() || self.done < runnable(); });
    if (stopping_) break;
    if (canApplyChanges()) {
      applyChanges(lock);
      continue;
    }
    skipWhatIsTooLate(self);
    if (self.done == runnable()) continue;
    const Issued tick = issued_[self.done % issued_.size()];
    lock.unlock();
    runTasks(index, tick);
    lock.lock();
    ++self.done;
  }
  self.cpuMsAtEnd = threadCpuMs();
}

void Scheduler::skipWhatIsTooLate(CodecThread& thread) {
  if (issuedCount_ - thread.done <= kMaximumCatchUpTicks) return;
  // Not past a change: what is left of the ticks before it is gone, and the rest waits for it.
  const uint64_t first = std::min(issuedCount_ - kMaximumCatchUpTicks, runnable());
  skippedTicks_ += first - thread.done;
  thread.done = thread.handedOver = first;
}

void Scheduler::runTasks(size_t index, const Issued& tick) {
  CodecThread& thread = *codecThreads_[index];
  const Tick context{tick.number, tick.timeUs, thread.batch};
  const std::vector<Task*>& tasks = graph_.tasksOf(index);
  size_t at = 0;
  for (; at < tasks.size() && (options_.manual || tasks[at]->delayUs == 0); ++at) tasks[at]->run(context);
  batches_.add(thread.batch);
  if (options_.manual) return;
  // What is spread over the tick does not hold up what JavaScript waits for.
  handOver(thread);
  if (at == tasks.size()) return;
  for (; at < tasks.size(); ++at) {
    if (tasks[at]->sendsIn(tick.number)) sleepUntilUs(tick.timeUs + tasks[at]->delayUs);
    tasks[at]->run(context);
  }
  batches_.add(thread.batch);
}

void Scheduler::handOver(CodecThread& thread) {
  {
    std::lock_guard lock(mutex_);
    ++thread.handedOver;
    if (!allHandedOver()) return;
  }
  flush();
}

void Scheduler::flush() {
  if (batches_.flush()) wake_();
}

bool Scheduler::allHandedOver() const {
  return std::all_of(codecThreads_.begin(), codecThreads_.end(),
                     [this](const auto& thread) { return thread->handedOver == issuedCount_; });
}

Scheduler::Stats Scheduler::stats() const {
  Stats stats;
  stats.ticks = ticks_;
  stats.skippedTicks = skippedTicks_;
  stats.late = lateness_.summary();
  std::lock_guard lock(mutex_);
  for (const auto& thread : codecThreads_)
    stats.codecThreadCpuMs += stopping_ ? thread->cpuMsAtEnd : threadCpuMs(thread->thread);
  stats.clockThreadCpuMs = stopping_ ? clockCpuMsAtEnd_ : threadCpuMs(const_cast<std::thread&>(clock_));
  return stats;
}

}  // namespace troupe
