// Any bytes as RTCP: parsing stays inside them, and ends.

#include <cstdint>
#include <vector>

#include "FuzzInput.hpp"
#include "RtcpParser.hpp"

using namespace troupe;

namespace {
/** Touches every byte of every text that it is shown. */
class Toucher : public RtcpVisitor {
 public:
  void onReportBlock(uint32_t, const ReportBlock& block) override { events += block.cumulativeLost > 0 ? 1 : 2; }
  void onCname(uint32_t, std::string_view text) override { touch(text); }
  void onBye(uint32_t, std::string_view text) override { touch(text); }
  void onTransportFeedback(uint32_t, const TransportFeedback& feedback) override {
    test::require(feedback.receivedCount <= feedback.packetCount);
    events += 1;
  }
  void onNack(uint32_t, uint32_t, uint16_t) override { events += 1; }

  size_t events = 0;

 private:
  void touch(std::string_view text) {
    for (const char character : text) events += static_cast<unsigned char>(character);
  }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> bytes(data, data + size);
  Toucher toucher;
  const auto result = RtcpParser::parse(bytes, toucher);
  test::require(result.malformed <= 1);
  test::require((result.packets + result.skipped) * 4 <= size);
  return 0;
}
