#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "PacketPort.hpp"

namespace troupe {

/** One way of a wire between two peers in this process, for tests and benches. */
class LocalWire final : public PacketSender {
 public:
  LocalWire(std::weak_ptr<PacketReceiver> to, std::function<int64_t()> nowUs)
      : to_(std::move(to)), nowUs_(std::move(nowUs)) {}

  bool sendRtp(const uint8_t* data, size_t size) override {
    const auto to = to_.lock();
    if (to) to->receiveRtp(data, size, nowUs_());
    return to != nullptr;
  }
  bool sendRtcp(const uint8_t* data, size_t size) override {
    const auto to = to_.lock();
    if (to) to->receiveRtcp(data, size, nowUs_());
    return to != nullptr;
  }

 private:
  const std::weak_ptr<PacketReceiver> to_;
  const std::function<int64_t()> nowUs_;
};

}  // namespace troupe
