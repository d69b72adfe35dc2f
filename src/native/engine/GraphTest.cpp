#include "Graph.hpp"

#include <doctest/doctest.h>

#include "Mixer.hpp"
#include "SinkTap.hpp"
#include "Source.hpp"

using namespace troupe;

namespace {

constexpr PcmFormat kFormat{16'000, 1};

struct Stream {
  std::shared_ptr<Source> source;
  std::shared_ptr<SinkTap> sink;
};

Stream addStream(Graph& graph, uint32_t handle) {
  const auto events = std::make_shared<BatchQueue>();
  Stream stream{std::make_shared<Source>(handle, kFormat, 100, events), std::make_shared<SinkTap>(handle + 1, kFormat, 10)};
  stream.sink->bind(stream.source);
  graph.addProducer(stream.source);
  graph.addTask(stream.sink);
  return stream;
}

}  // namespace

TEST_SUITE("Graph") {
  TEST_CASE("spreads streams that have nothing to do with each other") {
    Graph graph(4);
    for (uint32_t at = 0; at < 20; ++at) addStream(graph, 10 * at);
    graph.rebuild();
    for (size_t thread = 0; thread < 4; ++thread) CHECK(graph.tasksOf(thread).size() == 5);
  }

  TEST_CASE("has what sends at one moment of the tick on one thread, and no thread with much more than another") {
    class Delayed final : public Task {
     public:
      explicit Delayed(int64_t delay) { delayUs = delay; }
      void run(const Tick&) override {}
      Producer* upstream() const override { return nullptr; }
    };
    Graph graph(2);
    std::vector<std::shared_ptr<Task>> tasks;
    for (int at = 0; at < 50; ++at) tasks.push_back(std::make_shared<Delayed>(at % 10 * 1'000));
    for (const auto& task : tasks) graph.addTask(task);
    graph.rebuild();
    for (int at = 0; at < 50; ++at)
      if (tasks[at]->delayUs > 0) CHECK(tasks[at]->thread == tasks[at % 10]->thread);
    CHECK(graph.tasksOf(0).size() == 25);

    Graph lopsided(2);
    for (int at = 0; at < 50; ++at) lopsided.addTask(std::make_shared<Delayed>(1'000));
    lopsided.rebuild();
    CHECK(lopsided.tasksOf(0).size() >= 23);
    CHECK(lopsided.tasksOf(1).size() >= 23);
  }

  TEST_CASE("keeps a stream on its thread") {
    Graph graph(2);
    const Stream first = addStream(graph, 10);
    graph.rebuild();
    const int thread = first.source->thread;
    for (uint32_t at = 2; at < 9; ++at) addStream(graph, 10 * at);
    graph.rebuild();
    CHECK(first.source->thread == thread);
  }

  TEST_CASE("brings together what becomes connected") {
    Graph graph(2);
    const Stream first = addStream(graph, 10);
    const Stream second = addStream(graph, 20);
    graph.rebuild();
    REQUIRE(first.source->thread != second.source->thread);
    const auto mixer = std::make_shared<Mixer>(30, kFormat);
    mixer->addInput(31, first.source, 1);
    mixer->addInput(32, second.source, 1);
    graph.addProducer(mixer);
    graph.rebuild();
    CHECK(first.source->thread == second.source->thread);
    CHECK(mixer->thread == first.source->thread);
    CHECK(graph.tasksOf(static_cast<size_t>(mixer->thread)).size() == 2);
    CHECK(graph.tasksOf(static_cast<size_t>(1 - mixer->thread)).empty());
  }

  TEST_CASE("runs each task once and none that was taken out") {
    Graph graph(3);
    const Stream first = addStream(graph, 10);
    addStream(graph, 20);
    graph.rebuild();
    graph.removeTask(first.sink.get());
    graph.removeProducer(first.source.get());
    graph.rebuild();
    size_t tasks = 0;
    for (size_t thread = 0; thread < 3; ++thread) tasks += graph.tasksOf(thread).size();
    CHECK(tasks == 1);
  }
}
