#pragma once

#include <cstdint>

#include "Batch.hpp"

namespace troupe {

/** What a task knows of the tick that it runs in. */
struct Tick {
  /** Counts since the engine began; ticks that a late clock skipped are counted too. */
  int64_t number = 0;
  /** Monotonic time at which the tick was due. */
  int64_t timeUs = 0;
  /** What goes to JavaScript at the end of the tick. */
  Batch& out;
};

class Producer;

/** Something that runs once a tick on a codec thread. */
class Task {
 public:
  virtual ~Task() = default;
  virtual void run(const Tick& tick) = 0;
  /** The producer that it pulls from; tasks whose producers are connected run on one thread. Null when none. */
  virtual Producer* upstream() const = 0;
  /** Whether it sends in tick `number`; only then does it wait for its part of the tick. */
  virtual bool sendsIn(int64_t) const { return false; }

  /** The codec thread that it is pinned to; kept by the engine. */
  int thread = -1;
  /** How long after the tick's beginning it sends, in microseconds; less than a tick. */
  int64_t delayUs = 0;
};

}  // namespace troupe
