#include "Mixer.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace troupe;

namespace {

constexpr PcmFormat kFormat{48'000, 1};
/** How late the limiter is, in samples. */
const size_t kLate = Limiter::liveLookAhead(kFormat.rateHz);

/** Gives a constant, or nothing. */
class Constant final : public Producer {
 public:
  explicit Constant(int16_t sample) : Producer(100), value(sample) {}
  PcmFormat preferredFormat() const override { return kFormat; }

  int16_t value;
  bool silent = false;
  int made = 0;

 protected:
  bool produce(const Tick&, PcmFrame& frame) override {
    ++made;
    frame.format = kFormat;
    std::fill_n(frame.samples.begin(), kFormat.samples(), value);
    return !silent;
  }
};

struct Bench {
  Batch out;
  int64_t number = 0;
  const PcmFrame* pull(Producer& producer, Producer::Output* output) { return producer.pull(*output, {number, number * kTickUs, out}); }
};

}  // namespace

TEST_SUITE("Mixer") {
  TEST_CASE("sums its inputs with their gains, and limits what is too loud") {
    Mixer mixer(1, kFormat);
    mixer.addInput(10, std::make_shared<Constant>(int16_t{20'000}), 1);
    mixer.addInput(11, std::make_shared<Constant>(int16_t{20'000}), 0.5F);
    Producer::Output* output = mixer.open(kFormat);
    Bench bench;
    CHECK(bench.pull(mixer, output)->samples[kLate] == 30'000);
    mixer.setGain(11, 1, 0);
    ++bench.number;
    CHECK(bench.pull(mixer, output)->samples[kLate] >= 32'766);
  }

  TEST_CASE("keeps the true sum for a mix-minus, even where the mix is limited") {
    const auto mixer = std::make_shared<Mixer>(1, kFormat);
    mixer->addInput(10, std::make_shared<Constant>(int16_t{30'000}), 1);
    mixer->addInput(11, std::make_shared<Constant>(int16_t{30'000}), 1);
    MixMinus minus(2, mixer, 10);
    Producer::Output* whole = mixer->open(kFormat);
    Producer::Output* part = minus.open(kFormat);
    Bench bench;
    CHECK(bench.pull(*mixer, whole)->samples[kLate] >= 32'766);
    CHECK(bench.pull(minus, part)->samples[kLate] == 30'000);
  }

  TEST_CASE("pulls an input once a tick however many listen") {
    const auto mixer = std::make_shared<Mixer>(1, kFormat);
    const auto input = std::make_shared<Constant>(int16_t{1});
    mixer->addInput(10, input, 1);
    MixMinus minus(2, mixer, 99);
    Producer::Output* whole = mixer->open(kFormat);
    Producer::Output* part = minus.open(kFormat);
    Bench bench;
    bench.pull(minus, part);
    bench.pull(*mixer, whole);
    bench.pull(*mixer, whole);
    CHECK(input->made == 1);
  }

  TEST_CASE("gives nothing when no input has anything, and says which flow") {
    Mixer mixer(1, kFormat);
    const auto input = std::make_shared<Constant>(int16_t{1});
    mixer.addInput(10, input, 1);
    Producer::Output* output = mixer.open(kFormat);
    Bench bench;
    CHECK(bench.pull(mixer, output) != nullptr);
    input->silent = true;
    for (int tick = 0; tick < Mixer::kStarvedAfterTicks; ++tick) {
      ++bench.number;
      // The first silent tick still brings what the limiter held.
      CHECK((bench.pull(mixer, output) == nullptr) == (tick > 0));
    }
    REQUIRE(bench.out.records.size() == 2 * kRecordStride);
    CHECK(bench.out.records[3] == 1);
    CHECK(bench.out.records[kRecordStride + 2] == 10);
    CHECK(bench.out.records[kRecordStride + 3] == 0);
  }

  TEST_CASE("says who speaks") {
    Mixer mixer(1, kFormat);
    const auto quiet = std::make_shared<Constant>(int16_t{10});
    const auto loud = std::make_shared<Constant>(int16_t{5'000});
    mixer.addInput(10, quiet, 1);
    mixer.addInput(11, loud, 1);
    Producer::Output* output = mixer.open(kFormat);
    Bench bench;
    for (; bench.number < 100; ++bench.number) bench.pull(mixer, output);
    const size_t last = bench.out.records.size() - kRecordStride;
    CHECK(bench.out.records[last] == static_cast<double>(RecordKind::dominantSpeaker));
    CHECK(bench.out.records[last + 2] == 11);
    mixer.removeInput(11);
    bench.pull(mixer, output);
    CHECK(bench.out.records[bench.out.records.size() - kRecordStride + 2] == 0);
  }

  TEST_CASE("lets go of an input that is taken out") {
    Mixer mixer(1, kFormat);
    const auto input = std::make_shared<Constant>(int16_t{1});
    mixer.addInput(10, input, 1);
    CHECK(input->isPulled());
    mixer.removeInput(10);
    CHECK_FALSE(input->isPulled());
    mixer.addInput(11, input, 1);
    mixer.removeProducer(input.get());
    CHECK_FALSE(input->isPulled());
  }
}
