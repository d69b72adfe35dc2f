#pragma once
// Measures how late packets come compared with the fastest ones, and says what delay covers nearly all of them.

#include <array>
#include <cstddef>
#include <cstdint>

namespace troupe {

/**
 * Keeps the transit time of the fastest packet of the last seconds (so a drifting sender clock is followed), and a
 * histogram of how much later the others came, which forgets. Times in microseconds; allocates nothing.
 */
class DelayEstimator {
 public:
  static constexpr int64_t kBucketUs = 5'000;
  static constexpr size_t kBuckets = 200;
  /** The share of packets that the delay covers. */
  static constexpr double kQuantile = 0.99;
  /** What a packet still weighs when the next one has come: half is forgotten in about seven seconds of 20 ms. */
  static constexpr double kForgetting = 0.998;
  /** How far back the fastest packet is looked for. */
  static constexpr int64_t kWindowUs = 2'000'000;
  /** When even the fastest packets have become this much slower, that is the path and not jitter. */
  static constexpr int64_t kPathChangeUs = 30'000;

  /** `mediaUs`: the packet's place in its stream, of any origin but the same for all packets of a run. */
  void onPacket(int64_t mediaUs, int64_t arrivalUs);
  /** A new run of `mediaUs` begins; how late packets come is remembered. */
  void restart();
  /** Forgets everything. */
  void reset();

  bool hasFastest() const { return newestPart_ >= 0; }
  /** Arrival less place of the fastest packet. */
  int64_t fastestTransitUs() const { return fastestUs_; }
  /** The delay, from the fastest packet on, that the wanted share of packets does not exceed. */
  int64_t spreadUs() const { return spreadUs_; }

 private:
  static constexpr size_t kParts = 10;
  static constexpr int64_t kPartUs = kWindowUs / static_cast<int64_t>(kParts);

  void updateFastest(int64_t transitUs, int64_t arrivalUs);
  /** Packets counted as later than the fastest by `us` less, since the fastest has become slower. */
  void moveSpread(int64_t us);
  void updateSpread(int64_t lateUs);
  void measureSpread();

  /** The least transit time in each tenth of the window, by the number of that tenth. */
  std::array<int64_t, kParts> leastUs_{};
  int64_t newestPart_ = -1;
  int64_t fastestUs_ = 0;
  std::array<float, kBuckets> histogram_{};
  int64_t packets_ = 0;
  int64_t spreadUs_ = 0;
};

}  // namespace troupe
