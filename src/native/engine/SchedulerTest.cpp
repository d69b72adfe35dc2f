#include "Scheduler.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <limits>
#include <thread>

#include "Audio.hpp"

using namespace troupe;

namespace {

/** Remembers the ticks that it ran in. */
class Recorder final : public Task {
 public:
  void run(const Tick& tick) override {
    numbers.push_back(tick.number);
    times.push_back(tick.timeUs);
    tick.out.event(RecordKind::mark, 1, static_cast<double>(tick.number));
  }
  Producer* upstream() const override { return nullptr; }

  std::vector<int64_t> numbers;
  std::vector<int64_t> times;
};

}  // namespace

TEST_SUITE("Scheduler") {
  TEST_CASE("by hand runs every tick that is due, at its own time") {
    BatchQueue batches;
    Scheduler scheduler({1, true}, batches, [] {});
    const auto task = std::make_shared<Recorder>();
    scheduler.post([task](Graph& graph) { graph.addTask(task); });
    scheduler.tick(1'000'000);
    scheduler.tick(1'025'000);
    scheduler.tick(1'029'999);
    scheduler.tick(1'030'000);
    CHECK(task->numbers == std::vector<int64_t>{0, 1, 2, 3});
    CHECK(task->times == std::vector<int64_t>{1'000'000, 1'010'000, 1'020'000, 1'030'000});
    CHECK(scheduler.nowUs() == 1'030'000);
  }

  TEST_CASE("a late clock catches up five ticks and skips the rest") {
    BatchQueue batches;
    Scheduler scheduler({1, true}, batches, [] {});
    const auto task = std::make_shared<Recorder>();
    scheduler.post([task](Graph& graph) { graph.addTask(task); });
    scheduler.tick(0 + kTickUs);
    scheduler.tick(kTickUs + 20 * kTickUs);
    CHECK(task->numbers == std::vector<int64_t>{0, 16, 17, 18, 19, 20});
    CHECK(task->times.back() == 21 * kTickUs);
    CHECK(scheduler.stats().skippedTicks == 15);
    CHECK(scheduler.stats().ticks == 6);
  }

  TEST_CASE("wakes whoever takes batches, once a tick") {
    BatchQueue batches;
    int wakes = 0;
    Scheduler scheduler({1, true}, batches, [&] { ++wakes; });
    scheduler.post([](Graph& graph) { graph.addTask(std::make_shared<Recorder>()); });
    for (int64_t tick = 1; tick <= 3; ++tick) {
      scheduler.tick(tick * kTickUs);
      Batch batch;
      CHECK(batches.take(batch));
    }
    CHECK(wakes == 3);
  }

  TEST_CASE("does not have the clock wait for a change, and runs no task during one") {
    BatchQueue batches;
    class Guarded final : public Task {
     public:
      void run(const Tick&) override {
        if (isChanging) overlapped = true;
        ++runs;
      }
      Producer* upstream() const override { return nullptr; }
      std::atomic<bool> isChanging{false};
      std::atomic<bool> overlapped{false};
      std::atomic<int> runs{0};
    };
    const auto task = std::make_shared<Guarded>();
    Scheduler scheduler({2, false}, batches, [] {});
    scheduler.post([task](Graph& graph) { graph.addTask(task); });
    while (task->runs == 0) std::this_thread::yield();
    std::atomic<bool> ticked{false};
    std::promise<void> changed;
    scheduler.post([&](Graph&) {
      task->isChanging = true;
      const uint64_t before = scheduler.stats().ticks;
      const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
      while (!ticked && std::chrono::steady_clock::now() < until) ticked = scheduler.stats().ticks > before + 10;
      task->isChanging = false;
      changed.set_value();
    });
    changed.get_future().wait();
    CHECK(ticked);
    const int before = task->runs;
    while (task->runs < before + 3) std::this_thread::yield();
    CHECK_FALSE(task->overlapped);
  }

  TEST_CASE("lets go of what a change held without keeping others waiting") {
    BatchQueue batches;
    Scheduler scheduler({1, true}, batches, [] {});
    std::future<void> other;
    bool wasServed = false;
    const auto askFromElsewhere = [&](void*) {
      other = std::async(std::launch::async, [&] { scheduler.stats(); });
      wasServed = other.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
    };
    scheduler.post([held = std::shared_ptr<void>(nullptr, askFromElsewhere)](Graph&) {});
    scheduler.tick(kTickUs);
    CHECK(wasServed);
  }

  TEST_CASE("runs what is spread over the tick after the rest, and not before its time") {
    BatchQueue batches;
    struct Seen {
      std::vector<int64_t> promptTicks;
      int64_t earliestUs = std::numeric_limits<int64_t>::max();
      bool inOrder = true;
      int runs = 0;
      std::promise<void> enough;
    } seen;
    class Prompt final : public Task {
     public:
      explicit Prompt(Seen& seen) : seen_(seen) {}
      void run(const Tick& tick) override { seen_.promptTicks.push_back(tick.number); }
      Producer* upstream() const override { return nullptr; }

     private:
      Seen& seen_;
    };
    class Delayed final : public Task {
     public:
      Delayed(Seen& seen, const Scheduler& scheduler) : seen_(seen), scheduler_(scheduler) { delayUs = 3'000; }
      void run(const Tick& tick) override {
        seen_.earliestUs = std::min(seen_.earliestUs, scheduler_.nowUs() - tick.timeUs);
        seen_.inOrder = seen_.inOrder && !seen_.promptTicks.empty() && seen_.promptTicks.back() == tick.number;
        if (++seen_.runs == 5) seen_.enough.set_value();
      }
      Producer* upstream() const override { return nullptr; }
      bool sendsIn(int64_t) const override { return true; }

     private:
      Seen& seen_;
      const Scheduler& scheduler_;
    };
    Scheduler scheduler({1, false}, batches, [] {});
    scheduler.post([&](Graph& graph) {
      graph.addTask(std::make_shared<Delayed>(seen, scheduler));
      graph.addTask(std::make_shared<Prompt>(seen));
    });
    seen.enough.get_future().wait();
    scheduler.stop();
    CHECK(seen.earliestUs >= 3'000);
    CHECK(seen.inOrder);
  }

  TEST_CASE("with threads runs tasks in order until it is stopped, and lets go of them") {
    BatchQueue batches;
    std::promise<void> enough;
    class Counter final : public Task {
     public:
      Counter(std::promise<void>& done, int64_t* last) : done_(done), last_(last) {}
      void run(const Tick& tick) override {
        inOrder = inOrder && tick.number > *last_;
        *last_ = tick.number;
        if (++runs_ == 5) done_.set_value();
      }
      Producer* upstream() const override { return nullptr; }
      bool inOrder = true;

     private:
      std::promise<void>& done_;
      int64_t* const last_;
      int runs_ = 0;
    };
    int64_t last = -1;
    const auto task = std::make_shared<Counter>(enough, &last);
    Scheduler scheduler({3, false}, batches, [] {});
    scheduler.post([task](Graph& graph) { graph.addTask(task); });
    enough.get_future().wait();
    scheduler.stop();
    CHECK(task->inOrder);
    CHECK(task.use_count() == 1);
    CHECK(scheduler.stats().ticks >= 5);
    CHECK(scheduler.stats().codecThreadCpuMs > 0);
  }
}
