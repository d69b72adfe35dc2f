// The engine's calls about what encoded frames pass on their way.

#include <stdexcept>
#include <utility>

#include "Engine.hpp"
#include "RandomNumber.hpp"

namespace troupe {

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

std::shared_ptr<FrameTransform> Engine::frameTransform(uint32_t handle) const {
  if (handle == 0) return nullptr;
  const auto found = frameCryptors_.find(handle);
  if (found == frameCryptors_.end()) throw std::invalid_argument("There is no transform " + std::to_string(handle));
  return found->second;
}

void Engine::setSenderTransform(uint32_t handle, uint32_t transform) {
  const auto found = senders_.find(handle);
  if (found == senders_.end()) throw std::invalid_argument("There is no sender " + std::to_string(handle));
  found->second.stream->setTransform(frameTransform(transform));
}

void Engine::setReceiverTransform(uint32_t handle, uint32_t transform) {
  const auto found = receivers_.find(handle);
  if (found == receivers_.end()) throw std::invalid_argument("There is no receiver " + std::to_string(handle));
  found->second.stream->setTransform(frameTransform(transform));
}

void Engine::closeFrameTransform(uint32_t handle) { frameCryptors_.erase(handle); }

}  // namespace troupe
