#include "DropCounters.hpp"

namespace troupe {

const char* dropReasonName(DropReason reason) {
  switch (reason) {
    case DropReason::truncated: return "truncated";
    case DropReason::badHeader: return "badHeader";
    case DropReason::badExtension: return "badExtension";
    case DropReason::badPadding: return "badPadding";
    case DropReason::badRtcp: return "badRtcp";
    case DropReason::unknownSsrc: return "unknownSsrc";
    case DropReason::unknownPayloadType: return "unknownPayloadType";
    case DropReason::unknownRtcp: return "unknownRtcp";
    case DropReason::heldTooLong: return "heldTooLong";
    case DropReason::holdingFull: return "holdingFull";
    case DropReason::queueFull: return "queueFull";
    case DropReason::late: return "late";
    case DropReason::duplicate: return "duplicate";
    case DropReason::outOfRange: return "outOfRange";
    case DropReason::tooLarge: return "tooLarge";
    case DropReason::decodeFailed: return "decodeFailed";
    case DropReason::encodeFailed: return "encodeFailed";
    case DropReason::notWritable: return "notWritable";
    case DropReason::sendFailed: return "sendFailed";
    case DropReason::srtpReplay: return "srtpReplay";
    case DropReason::srtpAuthentication: return "srtpAuthentication";
    case DropReason::beforeKeys: return "beforeKeys";
    case DropReason::heldByTransform: return "heldByTransform";
    case DropReason::count: break;
  }
  return "unknown";
}

DropReason dropReasonOf(RtpParseError error) {
  switch (error) {
    case RtpParseError::badVersion: return DropReason::badHeader;
    case RtpParseError::badExtension: return DropReason::badExtension;
    case RtpParseError::badPadding: return DropReason::badPadding;
    default: return DropReason::truncated;
  }
}

uint64_t DropCounters::total() const {
  uint64_t sum = 0;
  for (const auto& count : counts_) sum += count.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace troupe
