#include "FilteredProducer.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace troupe;

namespace {

constexpr PcmFormat kFormat{48'000, 1};

class Constant final : public Producer {
 public:
  explicit Constant(int16_t sample) : Producer(100), value(sample) {}
  PcmFormat preferredFormat() const override { return kFormat; }
  int16_t value;
  bool silent = false;

 protected:
  bool produce(const Tick&, PcmFrame& frame) override {
    frame.format = kFormat;
    std::fill_n(frame.samples.begin(), kFormat.samples(), value);
    return !silent;
  }
};

/** Takes away what is played. */
class Subtract final : public AudioFilter {
 public:
  explicit Subtract(bool silence = false) : silence_(silence) {}
  void process(PcmFrame& frame) override {
    ++processed;
    for (auto& sample : frame.samples) sample = static_cast<int16_t>(sample - played_);
  }
  void processReverse(const PcmFrame& frame) override { played_ = frame.samples[0]; }
  bool wantsSilence() const override { return silence_; }
  int processed = 0;

 private:
  const bool silence_;
  int16_t played_ = 0;
};

struct Bench {
  Batch out;
  int64_t number = 0;
  const PcmFrame* pull(Producer& producer, Producer::Output* output) {
    ++number;
    return producer.pull(*output, {number, number * kTickUs, out});
  }
};

}  // namespace

TEST_SUITE("FilteredProducer") {
  TEST_CASE("gives its producer through the filter, with what is played as reference") {
    FilteredProducer filtered(1, std::make_unique<Subtract>());
    const auto heard = std::make_shared<Constant>(int16_t{100});
    const auto played = std::make_shared<Constant>(int16_t{30});
    filtered.bind(heard);
    Producer::Output* output = filtered.open(kFormat);
    Bench bench;
    CHECK(bench.pull(filtered, output)->samples[0] == 100);
    filtered.bindReverse(played);
    CHECK(bench.pull(filtered, output)->samples[0] == 70);
    played->silent = true;
    CHECK(bench.pull(filtered, output)->samples[0] == 100);
    filtered.removeProducer(played.get());
    CHECK_FALSE(played->isPulled());
  }

  TEST_CASE("pulls only while it is pulled") {
    FilteredProducer filtered(1, std::make_unique<Subtract>());
    const auto heard = std::make_shared<Constant>(int16_t{1});
    filtered.bind(heard);
    CHECK_FALSE(heard->isPulled());
    Producer::Output* output = filtered.open(kFormat);
    CHECK(heard->isPulled());
    filtered.close(output);
    CHECK_FALSE(heard->isPulled());
  }

  TEST_CASE("is silent where its producer is, and when that is gone") {
    auto filter = std::make_unique<Subtract>(true);
    const Subtract& seen = *filter;
    FilteredProducer filtered(1, std::move(filter));
    const auto heard = std::make_shared<Constant>(int16_t{1});
    filtered.bind(heard);
    Producer::Output* output = filtered.open(kFormat);
    Bench bench;
    heard->silent = true;
    CHECK(bench.pull(filtered, output) == nullptr);
    CHECK(seen.processed == 1);
    filtered.removeProducer(heard.get());
    CHECK(bench.pull(filtered, output) == nullptr);
    CHECK(seen.processed == 1);
  }
}
