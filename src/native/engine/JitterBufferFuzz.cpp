// A series of frames and readings in any order at any time: the buffer stays bounded and its figures agree.

#include <cstdint>
#include <vector>

#include "FuzzInput.hpp"
#include "JitterBuffer.hpp"

using namespace troupe;
using test::FuzzInput;
using test::require;

namespace {
/** Each packet is due within the longest gap (2 s) and the longest delay of the one before. */
constexpr int kMaximumDrainTicks = static_cast<int>(JitterBuffer::kSlots) * 400;

/** A decoder that plays 10 ms a tick and gives up after a while. */
struct Decoder {
  int64_t heldUs = 0;
  int dryPops = 0;

  void tick(JitterBuffer& buffer, int64_t nowUs, bool early) {
    for (int pops = 0; pops < 16 && heldUs < 10'000; ++pops) {
      const auto output = early ? buffer.popEarly(nowUs, heldUs) : buffer.pop(nowUs, heldUs);
      early = false;
      if (output.kind == JitterBuffer::Kind::nothing) continue;
      require(output.duration > 0 && output.duration <= 5'760 + 960);
      require(output.payload.size() <= JitterBuffer::kMaximumPayloadBytes);
      volatile uint8_t last = output.payload.empty() ? 0 : output.payload.back();
      (void)last;
      heldUs += int64_t{output.duration} * 1'000 / 48;
      dryPops = output.kind == JitterBuffer::Kind::packet ? 0 : dryPops + 1;
      if (dryPops <= 20) continue;
      dryPops = 0;
      buffer.stall();
    }
    heldUs = heldUs > 10'000 ? heldUs - 10'000 : 0;
  }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput input(data, size);
  JitterBufferOptions options;
  options.minimumDelayUs = input.byte() * 1'000;
  options.maximumDelayUs = input.byte() * 4'000;
  JitterBuffer buffer(options);
  Decoder decoder;
  EncodedFrame frame;
  frame.sequenceNumber = 65'000;
  frame.timestamp = 0xffff0000;
  int64_t nowUs = 0;
  while (!input.isEmpty()) {
    const uint8_t how = input.byte();
    nowUs += (how & 0x80) != 0 ? input.number16() * 100 : 10'000;
    if ((how & 0x40) != 0) decoder.tick(buffer, nowUs, (how & 0x20) != 0);
    // Mostly small steps from the frame before, so that the input gets deep; now and then anything.
    switch (how & 0x07) {
      case 0: frame.sequenceNumber = input.number16(); break;
      case 1: frame.timestamp = input.number32(); break;
      case 2: frame.ssrc = input.byte() % 3; break;
      case 3: frame.sequenceNumber = static_cast<uint16_t>(frame.sequenceNumber + static_cast<int8_t>(input.byte())); break;
      case 4: frame.codec = static_cast<AudioCodec>(input.byte() % 3); break;
      case 5: buffer.setRetransmissionUs(input.number16()); break;
      default: break;
    }
    frame.sequenceNumber += 1;
    frame.timestamp += 960;
    const uint8_t what = (how & 0x10) != 0 ? input.byte() : 0;
    frame.origin = static_cast<EncodedFrame::Origin>(what % 3);
    frame.repairsPrevious = (what & 0x40) != 0;
    frame.duration = (what & 0x80) != 0 ? input.number16() : 960;
    const std::vector<uint8_t> payload((how & 0x08) != 0 ? input.number16() % 1'400 : 3, how);
    frame.payload = payload;
    buffer.insert(frame, nowUs);
    require(buffer.packets() <= JitterBuffer::kSlots);
    require(buffer.bufferedUs() >= 0);
    require(buffer.targetDelayUs() <= options.maximumDelayUs || buffer.targetDelayUs() <= options.minimumDelayUs);
    buffer.excessUs(nowUs, decoder.heldUs);
    buffer.dueUs(-3);
  }
  for (int tick = 0; tick < kMaximumDrainTicks && buffer.packets() > 0; ++tick) decoder.tick(buffer, nowUs += 10'000, false);
  const auto& stats = buffer.stats();
  require(stats.packetsEmitted + stats.packetsSkipped <= stats.packetsInserted + stats.copiesReceived);
  // Nothing stays behind when time goes on.
  require(buffer.packets() == 0);
  return 0;
}
