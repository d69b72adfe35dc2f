#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "Producer.hpp"
#include "Tick.hpp"

namespace troupe {

/**
 * Which tasks run on which codec thread. Tasks whose producers are connected share a thread, so that a frame is made
 * once and needs no lock; a thread once chosen is kept. Changed only while no tick runs.
 */
class Graph {
 public:
  explicit Graph(size_t threads) : tasks_(threads) {}

  void addTask(std::shared_ptr<Task> task);
  void removeTask(const Task* task);
  void addProducer(std::shared_ptr<Producer> producer);
  void removeProducer(const Producer* producer);
  /** Pins anew what is connected anew. */
  void rebuild();
  void clear();

  /** Those that run at once first, then by their delay. */
  const std::vector<Task*>& tasksOf(size_t thread) const { return tasks_[thread]; }
  size_t threads() const { return tasks_.size(); }

 private:
  /** Puts every task on the thread that `threadFor` names, or on the least loaded where it names none (-1). */
  void place(const std::function<int&(Task&)>& threadFor);
  int leastLoaded() const;

  std::vector<std::shared_ptr<Task>> allTasks_;
  std::vector<std::shared_ptr<Producer>> producers_;
  std::vector<std::vector<Task*>> tasks_;
};

}  // namespace troupe
