#include "Graph.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

namespace troupe {

namespace {

/** Tasks that a thread may have beyond those of the least loaded one, so that what sends at one moment is together. */
constexpr size_t kMaximumImbalance = 4;

/** Sets of connected producers, each known by the place of its oldest member. */
class Islands {
 public:
  explicit Islands(size_t count) : parents_(count) { std::iota(parents_.begin(), parents_.end(), size_t{0}); }

  size_t find(size_t at) {
    while (parents_[at] != at) at = parents_[at] = parents_[parents_[at]];
    return at;
  }

  void join(size_t a, size_t b) {
    a = find(a);
    b = find(b);
    parents_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<size_t> parents_;
};

/** A thread that sends at this moment of the tick anyway, so that no other one has to wake up for it; -1 for none. */
int threadAwakeAt(const std::vector<std::vector<Task*>>& threads, int64_t delayUs, size_t mostTasks) {
  if (delayUs == 0) return -1;
  const auto isAwake = [&](const std::vector<Task*>& tasks) {
    return tasks.size() <= mostTasks &&
           std::any_of(tasks.begin(), tasks.end(), [delayUs](const Task* task) { return task->delayUs == delayUs; });
  };
  const auto found = std::find_if(threads.begin(), threads.end(), isAwake);
  return found == threads.end() ? -1 : static_cast<int>(found - threads.begin());
}

}  // namespace

void Graph::addTask(std::shared_ptr<Task> task) { allTasks_.push_back(std::move(task)); }

void Graph::removeTask(const Task* task) {
  std::erase_if(allTasks_, [task](const auto& held) { return held.get() == task; });
}

void Graph::addProducer(std::shared_ptr<Producer> producer) { producers_.push_back(std::move(producer)); }

void Graph::removeProducer(const Producer* producer) {
  std::erase_if(producers_, [producer](const auto& held) { return held.get() == producer; });
}

void Graph::rebuild() {
  std::unordered_map<const Producer*, size_t> places;
  for (const auto& producer : producers_) places.emplace(producer.get(), places.size());
  Islands islands(producers_.size());
  std::vector<Producer*> upstreams;
  for (size_t at = 0; at < producers_.size(); ++at) {
    upstreams.clear();
    producers_[at]->appendUpstreams(upstreams);
    for (const Producer* upstream : upstreams)
      if (const auto found = places.find(upstream); found != places.end()) islands.join(at, found->second);
  }
  // The oldest member of an island that has a thread decides.
  std::vector<int> threads(producers_.size(), -1);
  for (size_t at = 0; at < producers_.size(); ++at) {
    int& thread = threads[islands.find(at)];
    if (thread < 0) thread = producers_[at]->thread;
  }
  const auto threadFor = [&](Task& task) -> int& {
    const auto found = places.find(task.upstream());
    return found == places.end() ? task.thread : threads[islands.find(found->second)];
  };
  place(threadFor);
  for (size_t at = 0; at < producers_.size(); ++at) producers_[at]->thread = threads[islands.find(at)];
}

void Graph::place(const std::function<int&(Task&)>& threadFor) {
  for (auto& list : tasks_) list.clear();
  std::vector<Task*> unplaced;
  for (const auto& task : allTasks_) {
    const int thread = threadFor(*task);
    if (thread >= 0) tasks_[static_cast<size_t>(thread)].push_back(task.get());
    else unplaced.push_back(task.get());
  }
  for (Task* task : unplaced) {
    int& thread = threadFor(*task);
    if (thread < 0) {
      const int least = leastLoaded();
      const size_t mostTasks = tasks_[static_cast<size_t>(least)].size() + kMaximumImbalance;
      thread = threadAwakeAt(tasks_, task->delayUs, mostTasks);
      if (thread < 0) thread = least;
    }
    tasks_[static_cast<size_t>(thread)].push_back(task);
  }
  for (auto& list : tasks_)
    std::stable_sort(list.begin(), list.end(), [](const Task* a, const Task* b) { return a->delayUs < b->delayUs; });
}

int Graph::leastLoaded() const {
  const auto least = std::min_element(tasks_.begin(), tasks_.end(),
                                      [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return static_cast<int>(least - tasks_.begin());
}

void Graph::clear() {
  for (auto& list : tasks_) list.clear();
  allTasks_.clear();
  producers_.clear();
}

}  // namespace troupe
