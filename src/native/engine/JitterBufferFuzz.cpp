// A series of packets and readings in any order at any time: the buffer stays bounded and its figures agree.

#include <cstdint>
#include <vector>

#include "FuzzInput.hpp"
#include "JitterBuffer.hpp"

using namespace troupe;
using test::FuzzInput;
using test::require;

namespace {
/** Each packet is due within the longest pause (2 s) and a concealed stretch of the one before. */
constexpr int kMaximumDrainTicks = static_cast<int>(JitterBuffer::kSlots) * 220;

void popAll(JitterBuffer& buffer, int64_t nowUs) {
  for (int count = 0;; ++count) {
    require(count < 1'000);
    const auto output = buffer.pop(nowUs);
    if (output.kind == JitterBuffer::Kind::nothing) return;
    require(output.duration > 0);
    volatile uint8_t last = output.payload.empty() ? 0 : output.payload.back();
    (void)last;
  }
}

/** Mostly small steps from the packet before, so that the input gets deep; now and then anything. */
struct Stream {
  uint16_t sequenceNumber = 65'000;
  uint32_t timestamp = 0xffff0000;
  uint32_t ssrc = 1;

  void step(FuzzInput& input, uint8_t how) {
    switch (how & 0x07) {
      case 0: sequenceNumber = input.number16(); break;
      case 1: timestamp = input.number32(); break;
      case 2: ssrc = input.byte() % 3; break;
      case 3: sequenceNumber = static_cast<uint16_t>(sequenceNumber + static_cast<int8_t>(input.byte())); break;
      default: break;
    }
    sequenceNumber += 1;
    timestamp += 960;
  }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput input(data, size);
  JitterBufferOptions options;
  options.minimumDelayUs = input.byte() * 1'000;
  options.maximumDelayUs = input.byte() * 4'000;
  if (input.byte() % 4 == 0) options.clockRate = 8'000;
  JitterBuffer buffer(options);
  Stream stream;
  int64_t nowUs = 0;
  while (!input.isEmpty()) {
    const uint8_t how = input.byte();
    nowUs += (how & 0x80) != 0 ? input.number16() * 100 : 10'000;
    if ((how & 0x40) != 0) popAll(buffer, nowUs);
    if ((how & 0x20) != 0) buffer.setQuiet((how & 1) != 0);
    if ((how & 0x10) != 0) {
      // A packet made of the input as it is.
      const auto raw = input.bytes(12 + input.byte() % 32);
      const std::vector<uint8_t> bytes(raw.begin(), raw.end());
      RtpPacket packet;
      if (RtpPacket::parse(bytes, packet) == RtpParseError::none) buffer.insert(packet, nowUs, input.number16());
    } else {
      stream.step(input, how);
      std::vector<uint8_t> bytes = {0x80, 111, uint8_t(stream.sequenceNumber >> 8), uint8_t(stream.sequenceNumber),
                                    uint8_t(stream.timestamp >> 24), uint8_t(stream.timestamp >> 16),
                                    uint8_t(stream.timestamp >> 8), uint8_t(stream.timestamp),
                                    0, 0, 0, uint8_t(stream.ssrc), 1, 2, 3};
      RtpPacket packet;
      require(RtpPacket::parse(bytes, packet) == RtpParseError::none);
      buffer.insert(packet, nowUs, (how & 0x08) != 0 ? 960 : 0);
    }
    require(buffer.packets() <= JitterBuffer::kSlots);
    require(buffer.bufferedUs() >= 0);
    require((buffer.packets() > 0) == (buffer.peek().kind == JitterBuffer::Kind::packet));
  }
  // Frames may be spaced further apart than they are long, so each may be waited for.
  for (int tick = 0; tick < kMaximumDrainTicks && buffer.packets() > 0; ++tick) popAll(buffer, nowUs += 10'000);
  const auto& stats = buffer.stats();
  require(stats.packetsEmitted + stats.packetsSkipped + buffer.packets() <= stats.packetsInserted);
  // Nothing stays behind when time goes on.
  require(buffer.packets() == 0);
  return 0;
}
