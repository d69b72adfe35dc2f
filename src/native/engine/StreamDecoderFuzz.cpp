// Any bytes as packets of any codec, with losses and stretching between them: ticks come out and the figures agree.

#include <cstdint>
#include <vector>

#include "FuzzInput.hpp"
#include "StreamDecoder.hpp"

using namespace troupe;
using test::FuzzInput;
using test::require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput input(data, size);
  const uint8_t kind = input.byte();
  StreamDecoder decoder({(kind & 1) != 0 ? 48'000 : 16'000, (kind & 2) != 0 ? 2 : 1});
  PcmFrame frame;
  while (!input.isEmpty()) {
    const uint8_t how = input.byte();
    const auto codec = static_cast<AudioCodec>(how % 3);
    // A copy of the exact size, so that the sanitizer sees a read one byte too far.
    const auto raw = input.bytes((how & 0x80) != 0 ? input.number16() % 1'280 : 8);
    const std::vector<uint8_t> payload(raw.begin(), raw.end());
    const size_t duration = AudioDecoder::durationAt48kHz(codec, payload);
    require(duration <= 48 * AudioDecoder::kMaximumPacketMs);
    if ((how & 0x10) != 0) decoder.onMissing(static_cast<uint32_t>(duration));
    else if ((how & 0x20) != 0) decoder.onRepair(codec, payload, static_cast<uint32_t>(duration), 480);
    else if (!payload.empty()) decoder.onPacket(codec, payload);
    if ((how & 0x40) != 0) decoder.shorten((how & 1) != 0);
    else decoder.lengthen();
    while ((how & 0x08) == 0 && decoder.take(frame)) require(frame.format == decoder.format());
    require(decoder.heldUs() >= 0 && decoder.heldUs() <= 300'000);
  }
  const DecodingStats& stats = decoder.stats();
  require(stats.silentConcealedSamples <= stats.concealedSamples);
  return 0;
}
