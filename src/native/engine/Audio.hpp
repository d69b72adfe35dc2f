#pragma once
// Units of time and of PCM that the whole engine shares.

#include <array>
#include <cstddef>
#include <cstdint>

namespace troupe {

/** The clock thread ticks this often; every producer makes one frame of this length a tick. */
constexpr int64_t kTickUs = 10'000;
constexpr int kTickMs = 10;
constexpr int kTicksPerSecond = 100;
constexpr int kMaximumRateHz = 48'000;
constexpr int kMaximumChannels = 2;
/** Samples of both channels in the largest frame of one tick. */
constexpr size_t kMaximumFrameSamples = kMaximumRateHz / kTicksPerSecond * kMaximumChannels;

/**
 * What is thrown away fades out over this time: a cut would be heard as a click. With the look-ahead of an encoder
 * (6.5 ms for Opus) and its ringing it ends within a packet of 20 ms.
 */
constexpr int64_t kFadeUs = 2'500;

/** Samples per second and interleaved channels. */
struct PcmFormat {
  int rateHz = 48'000;
  int channels = 1;

  size_t samplesPerChannel() const { return static_cast<size_t>(rateHz / kTicksPerSecond); }
  size_t fadeSamplesPerChannel() const { return static_cast<size_t>(rateHz * kFadeUs / 1'000'000); }
  size_t samples() const { return samplesPerChannel() * static_cast<size_t>(channels); }
  bool operator==(const PcmFormat&) const = default;
};

/** True for the rates that sources and sinks may have. */
constexpr bool isPcmRate(int rateHz) {
  return rateHz == 8'000 || rateHz == 12'000 || rateHz == 16'000 || rateHz == 24'000 || rateHz == 44'100 ||
         rateHz == 48'000;
}

/** Opus codes these by itself; the one other rate of ours, 44.1 kHz, goes through 48 kHz. */
constexpr int opusRateFor(int rateHz) { return rateHz == 44'100 ? 48'000 : rateHz; }

/** One tick of interleaved PCM. */
struct PcmFrame {
  PcmFormat format;
  /** True when any of it was made up by loss concealment. */
  bool concealed = false;
  /** True when what was to follow the frame before was thrown away: at most its fade-out comes first. */
  bool cleared = false;
  std::array<int16_t, kMaximumFrameSamples> samples;
};

}  // namespace troupe
