#include "ReplayStream.hpp"

namespace troupe {

void ReplayStream::run(const Tick& tick) {
  const auto& options = source_->options();
  if (!sendsIn(tick.number)) return;
  if (next_ == options.frames.size()) {
    if (!options.loop || options.frames.empty()) return;
    next_ = 0;
  }
  EncodedPacket packet;
  packet.payload = options.frames[next_++];
  packet.startTick = tick.number;
  packet.beginsTalkspurt = !started_;
  started_ = true;
  send(packet, tick);
}

}  // namespace troupe
