// The engine's calls about what encoded frames pass on their way.

#include <stdexcept>
#include <utility>

#include "Engine.hpp"
#include "RandomNumber.hpp"

namespace troupe {

namespace {

/** What was on it before gives nothing back to it any more. */
template <typename Stream>
void putOn(const std::shared_ptr<Stream>& stream, const std::shared_ptr<FrameTransform>& transform) {
  if (transform) transform->setOutlet(stream);
  const auto before = stream->setTransform(transform);
  if (before && before != transform) before->setOutlet({});
}

}  // namespace

uint32_t Engine::createFrameCryptor(FrameCryptorOptions options) {
  const uint32_t handle = nextHandle();
  frameCryptors_.emplace(handle, std::make_shared<FrameCryptor>(handle, std::move(options), batches_, randomNumber()));
  return handle;
}

FrameCryptor& Engine::frameCryptor(uint32_t handle) const {
  const auto found = frameCryptors_.find(handle);
  if (found == frameCryptors_.end()) throw std::invalid_argument("There is no frame cryptor " + std::to_string(handle));
  return *found->second;
}

uint32_t Engine::createFrameRelay(FrameRelayOptions options) {
  const uint32_t handle = nextHandle();
  frameRelays_.emplace(handle, std::make_shared<FrameRelay>(handle, options, batches_));
  return handle;
}

bool Engine::enqueueFrame(uint32_t handle, uint64_t number, std::span<const uint8_t> frame) {
  const auto found = frameRelays_.find(handle);
  return found != frameRelays_.end() && found->second->enqueue(number, frame, nowUs());
}

FrameTransformCounts Engine::frameTransformCounts(uint32_t handle) const {
  const auto transform = frameTransform(handle);
  return transform ? transform->counts(nowUs()) : FrameTransformCounts{};
}

std::shared_ptr<FrameTransform> Engine::frameTransform(uint32_t handle) const {
  if (handle == 0) return nullptr;
  if (const auto relay = frameRelays_.find(handle); relay != frameRelays_.end()) return relay->second;
  const auto found = frameCryptors_.find(handle);
  if (found == frameCryptors_.end()) throw std::invalid_argument("There is no transform " + std::to_string(handle));
  return found->second;
}

void Engine::setSenderTransform(uint32_t handle, uint32_t transform) {
  const auto found = senders_.find(handle);
  if (found == senders_.end()) throw std::invalid_argument("There is no sender " + std::to_string(handle));
  putOn(found->second.stream, frameTransform(transform));
}

void Engine::setReceiverTransform(uint32_t handle, uint32_t transform) {
  const auto found = receivers_.find(handle);
  if (found == receivers_.end()) throw std::invalid_argument("There is no receiver " + std::to_string(handle));
  putOn(found->second.stream, frameTransform(transform));
}

void Engine::closeFrameTransform(uint32_t handle) {
  frameCryptors_.erase(handle);
  frameRelays_.erase(handle);
}

}  // namespace troupe
