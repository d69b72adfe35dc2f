#pragma once
// Appends RTCP packets to the caller's buffer: one compound packet per builder.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "RtcpTypes.hpp"
#include "TransportFeedback.hpp"

namespace troupe {

/** A packet that does not fit as a whole is not written, and its add... gives false. */
class RtcpBuilder {
 public:
  explicit RtcpBuilder(std::span<uint8_t> buffer);

  /** At most 31 blocks; more are left out (make a further receiver report for them). */
  bool addSenderReport(uint32_t ssrc, const SenderInfo& info, std::span<const ReportBlock> blocks = {});
  bool addReceiverReport(uint32_t ssrc, std::span<const ReportBlock> blocks = {});
  bool addCname(uint32_t ssrc, std::string_view cname);
  bool addBye(uint32_t ssrc, std::string_view reason = {});
  /** `sequenceNumbers` in ascending order (modulo 2^16). */
  bool addNack(uint32_t senderSsrc, uint32_t mediaSsrc, std::span<const uint16_t> sequenceNumbers);
  /** A message about packets of `arrivals` that were not reported yet; false when there are none or they do not fit. */
  bool addTransportFeedback(uint32_t senderSsrc, TransportArrivals& arrivals);
  bool addPictureLoss(uint32_t senderSsrc, uint32_t mediaSsrc);
  bool addFullIntraRequest(uint32_t senderSsrc, uint32_t mediaSsrc, uint8_t command);
  /** What a sender may use, in bit/s (draft-alvestrand-rmcat-remb-03); it holds for all that it sends. */
  bool addMaximumBitRate(uint32_t senderSsrc, uint64_t bitRate);

  std::span<const uint8_t> bytes() const { return buffer_.first(size_); }
  size_t size() const { return size_; }

 private:
  /** Writes the common header; null when `bytes` do not fit. */
  uint8_t* begin(uint8_t countOrFormat, uint8_t type, size_t bytes);
  static void writeReportBlocks(uint8_t* at, std::span<const ReportBlock> blocks);

  std::span<uint8_t> buffer_;
  size_t size_ = 0;
};

}  // namespace troupe
