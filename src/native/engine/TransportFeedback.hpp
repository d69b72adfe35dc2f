#pragma once
// Transport-wide feedback: which packets of a whole transport came, and when
// (draft-holmer-rmcat-transport-wide-cc-extensions-01).

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "RtcpTypes.hpp"
#include "SequenceUnwrapper.hpp"

namespace troupe {

/** Format of the transport-layer feedback message that carries it. */
inline constexpr uint8_t kTransportWideFeedback = 15;

/** What one feedback message says; `body` is what follows the header, from the sender's SSRC on. Nothing when it lies. */
std::optional<TransportFeedback> readTransportFeedback(std::span<const uint8_t> body);

/** Packets as they arrived, one after another by their transport-wide number; -1 for one that did not. */
struct ArrivalRun {
  uint16_t baseSequenceNumber = 0;
  std::span<const int64_t> arrivalsUs;
  /** Counts the messages of one sender. */
  uint8_t feedbackCount = 0;
};

/**
 * Writes what follows the two SSRCs of a feedback message about as many packets of `run` as can be told in one and fit.
 * Gives the bytes, a multiple of four, or 0 when none fit, and in `told` how many packets they are about.
 */
size_t writeTransportFeedback(const ArrivalRun& run, std::span<uint8_t> room, size_t& told);

/** When the packets of a transport arrived, until that is reported. Packets come on one thread, reports go on another. */
class TransportArrivals {
 public:
  /** Packets that are waited for or held; what is further behind the newest is forgotten. */
  static constexpr size_t kWindow = 1024;

  void add(uint16_t sequenceNumber, uint32_t ssrc, int64_t arrivalUs);
  /**
   * Writes a message about what has not been reported, as writeTransportFeedback does; 0 when nothing came since the
   * last. `mediaSsrc` is that of the newest packet. Call again until it gives 0.
   */
  size_t take(std::span<uint8_t> room, uint32_t& mediaSsrc);

 private:
  int64_t& at(int64_t number) { return arrivalsUs_[static_cast<size_t>(number) % kWindow]; }
  void moveEndTo(int64_t end);
  size_t takeNext(std::span<uint8_t> room);

  std::mutex mutex_;
  SequenceUnwrapper unwrapper_;
  /** By number; made with the first packet. */
  std::vector<int64_t> arrivalsUs_;
  int64_t nextToReport_ = 0;
  int64_t end_ = 0;
  bool hasNews_ = false;
  uint32_t newestSsrc_ = 0;
  uint8_t feedbackCount_ = 0;
};

}  // namespace troupe
