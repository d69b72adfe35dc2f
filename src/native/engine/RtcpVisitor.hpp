#pragma once
// Takes what RtcpParser finds, in the order of the bytes.

#include <cstdint>
#include <string_view>

#include "RtcpTypes.hpp"

namespace troupe {

class RtcpVisitor {
 public:
  virtual ~RtcpVisitor() = default;
  virtual void onSenderReport(uint32_t /*senderSsrc*/, const SenderInfo& /*info*/) {}
  virtual void onReceiverReport(uint32_t /*senderSsrc*/) {}
  /** For each block of a sender or receiver report, after the report itself. */
  virtual void onReportBlock(uint32_t /*senderSsrc*/, const ReportBlock& /*block*/) {}
  virtual void onCname(uint32_t /*ssrc*/, std::string_view /*cname*/) {}
  virtual void onBye(uint32_t /*ssrc*/, std::string_view /*reason*/) {}
  /** For each sequence number that a generic NACK asks for. */
  virtual void onNack(uint32_t /*senderSsrc*/, uint32_t /*mediaSsrc*/, uint16_t /*sequenceNumber*/) {}
  virtual void onTransportFeedback(uint32_t /*senderSsrc*/, const TransportFeedback& /*feedback*/) {}
  virtual void onPictureLoss(uint32_t /*senderSsrc*/, uint32_t /*mediaSsrc*/) {}
  virtual void onFullIntraRequest(uint32_t /*senderSsrc*/, uint32_t /*mediaSsrc*/, uint8_t /*command*/) {}
};

}  // namespace troupe
