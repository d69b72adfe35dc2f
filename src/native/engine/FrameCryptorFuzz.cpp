// Frames from the network, under keys that are known, ratcheted or missing: nothing that was not sealed is opened.

#include <cstdint>
#include <memory>
#include <vector>

#include "FrameCryptor.hpp"
#include "FuzzInput.hpp"

using namespace troupe;
using test::FuzzInput;
using test::require;

namespace {

const std::vector<uint8_t> kKey(16, 7);
const std::vector<uint8_t> kNextKey(16, 8);

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput input(data, size);
  const auto batches = std::make_shared<BatchQueue>();
  const uint8_t how = input.byte();
  FrameCryptorOptions options;
  options.clearBytes = (how & 1) != 0 ? 1 : 10;
  options.failureTolerance = (how & 2) != 0 ? -1 : 3;
  if ((how & 4) != 0) options.serverTrailer = {1, 2, 3};
  FrameCryptor sender(1, options, batches, 0);
  options.direction = FrameCryptorOptions::Direction::decrypt;
  FrameCryptor receiver(2, options, batches, 0);
  sender.setKey(0, (how & 8) != 0 ? kNextKey : kKey);
  receiver.setKey(0, kKey);
  receiver.setCandidates(0, {kNextKey});
  FrameInfo info;
  while (!input.isEmpty()) {
    const uint8_t step = input.byte();
    const auto frame = input.bytes(input.byte());
    info.timestamp += 960;
    TransformedFrame sealedRoom;
    TransformedFrame openedRoom;
    if ((step & 1) != 0) {
      // As it is: only the server's silence may pass.
      const auto opened = receiver.transform(info, frame, openedRoom);
      require(opened.size() <= frame.size());
      if (!opened.empty()) require(!options.serverTrailer.empty() && opened[0] == 0xf8);
      continue;
    }
    const auto sealed = sender.transform(info, frame, sealedRoom);
    require(frame.empty() ? sealed.empty() : sealed.size() == frame.size() + FrameCryptor::kOverheadBytes);
    if (sealed.empty()) continue;
    std::vector<uint8_t> carried(sealed.begin(), sealed.end());
    const bool isChanged = (step & 2) != 0;
    if (isChanged) carried[(step >> 2) % (carried.size() - 1)] ^= 0x20;
    const auto opened = receiver.transform(info, carried, openedRoom);
    if (isChanged) require(opened.empty());
    if (!opened.empty()) require(std::equal(opened.begin(), opened.end(), frame.begin(), frame.end()));
  }
  return 0;
}
