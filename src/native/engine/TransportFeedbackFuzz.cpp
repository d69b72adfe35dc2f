// Any packets, in any order and at any time: what is reported of them can be read, and reporting ends.

#include <array>
#include <cstdint>

#include "Bytes.hpp"
#include "FuzzInput.hpp"
#include "RtcpBuilder.hpp"
#include "RtcpParser.hpp"

using namespace troupe;

namespace {
class Counter : public RtcpVisitor {
 public:
  void onTransportFeedback(uint32_t, const TransportFeedback& feedback) override {
    test::require(feedback.receivedCount > 0);
    test::require(feedback.receivedCount <= feedback.packetCount);
    ++messages;
  }

  size_t messages = 0;
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  TransportArrivals arrivals;
  int64_t nowUs = 0;
  for (size_t at = 0; at + 5 <= size; at += 5) {
    nowUs += int64_t{readU16(data + at + 2)} * 100;
    arrivals.add(readU16(data + at), 1, nowUs);
    if (data[at + 4] % 8 != 0) continue;
    size_t messages = 0;
    while (true) {
      std::array<uint8_t, 1200> buffer;
      RtcpBuilder builder(buffer);
      if (!builder.addTransportFeedback(1, arrivals)) break;
      Counter counter;
      const auto result = RtcpParser::parse(builder.bytes(), counter);
      test::require(result.malformed == 0 && counter.messages == 1);
      // Each is about one packet at least.
      test::require(++messages <= TransportArrivals::kWindow);
    }
  }
  return 0;
}
