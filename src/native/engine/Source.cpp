#include "Source.hpp"

#include <utility>

namespace troupe {

namespace {

constexpr int64_t kUsPerSecond = 1'000'000;
/** A packet under way may still hold what ran dry this long ago: the longest one is 60 ms. */
constexpr int64_t kLongestPacketTicks = 6;

}  // namespace

Source::Source(uint32_t handle, PcmFormat format, int capacityMs, std::shared_ptr<BatchQueue> events)
    : Producer(handle),
      format_(format),
      events_(std::move(events)),
      ring_(static_cast<size_t>(format.rateHz) * static_cast<size_t>(capacityMs) / 1000, format) {}

int64_t Source::queuedUs() const {
  return static_cast<int64_t>(ring_.queuedSamplesPerChannel()) * kUsPerSecond / format_.rateHz;
}

size_t Source::clear() {
  std::vector<uint32_t> cleared;
  const size_t dropped = ring_.clear(cleared, format_.fadeSamplesPerChannel());
  cleared_ = true;
  for (const uint32_t id : cleared) events_->event(RecordKind::mark, handle(), id, 1);
  return dropped;
}

bool Source::produce(const Tick& tick, PcmFrame& frame) {
  frame.format = format_;
  // Whoever still holds the end of what ran dry hears of a clear too, by a silent frame.
  const bool isRecent =
      state_ == State::playing || (state_ == State::drained && tick.number - drainedAt_ < kLongestPacketTicks);
  frame.cleared = cleared_.exchange(false);
  reached_.clear();
  const size_t real = ring_.read(std::span(frame.samples).first(format_.samples()), tick.timeUs, reached_);
  if (real > 0) {
    enter(State::playing, tick);
  } else if (state_ == State::playing && ring_.queuedSamplesPerChannel() == 0) {
    drainedAt_ = tick.number;
    enter(State::drained, tick);
  } else if (state_ == State::drained && tick.number - drainedAt_ >= kIdleAfterTicks) {
    enter(State::idle, tick);
  }
  for (const uint32_t id : reached_) tick.out.event(RecordKind::mark, handle(), id, 0);
  return real > 0 || (frame.cleared && isRecent);
}

void Source::enter(State state, const Tick& tick) {
  if (state == state_) return;
  state_ = state;
  tick.out.event(RecordKind::sourceState, handle(), static_cast<double>(queuedUs()), static_cast<double>(state));
}

}  // namespace troupe
