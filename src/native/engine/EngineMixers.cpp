// The part of Engine that has to do with mixers and filters, and with producers that end.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "Engine.hpp"

namespace troupe {

uint32_t Engine::createMixer(PcmFormat format) {
  const uint32_t handle = nextHandle();
  MixerEntry entry;
  entry.mixer = std::make_shared<Mixer>(handle, format);
  producers_.emplace(handle, entry.mixer);
  scheduler_.post([this, mixer = entry.mixer](Graph& graph) { wiring_.addMixer(graph, mixer); });
  mixers_.emplace(handle, std::move(entry));
  return handle;
}

Engine::MixerEntry& Engine::mixer(uint32_t handle) {
  const auto found = mixers_.find(handle);
  if (found == mixers_.end()) throw std::invalid_argument("There is no mixer " + std::to_string(handle));
  return found->second;
}

uint32_t Engine::addMixerInput(uint32_t handle, uint32_t producerHandle, float gain) {
  MixerEntry& entry = mixer(handle);
  auto from = decodable(producerHandle);
  if (!from) throw std::invalid_argument("A mixer input needs a producer");
  if (hears(producerHandle, handle)) throw std::invalid_argument("A mixer cannot hear itself");
  const uint32_t input = nextHandle();
  entry.inputs.emplace(input, producerHandle);
  scheduler_.post([mixer = entry.mixer, input, from = std::move(from), gain](Graph&) {
    mixer->addInput(input, from, gain);
  });
  return input;
}

bool Engine::hears(uint32_t producerHandle, uint32_t other) const {
  if (producerHandle == other) return true;
  if (const auto minus = mixMinuses_.find(producerHandle); minus != mixMinuses_.end())
    return hears(minus->second, other);
  if (const auto filter = filters_.find(producerHandle); filter != filters_.end())
    return hears(filter->second.producer, other) || hears(filter->second.reverse, other);
  const auto found = mixers_.find(producerHandle);
  if (found == mixers_.end()) return false;
  return std::any_of(found->second.inputs.begin(), found->second.inputs.end(),
                     [&](const auto& input) { return hears(input.second, other); });
}

void Engine::setMixerGain(uint32_t handle, uint32_t input, float gain, int rampMs) {
  scheduler_.post([mixer = mixer(handle).mixer, input, gain, rampMs](Graph&) { mixer->setGain(input, gain, rampMs); });
}

void Engine::removeMixerInput(uint32_t handle, uint32_t input) {
  const auto found = mixers_.find(handle);
  if (found == mixers_.end()) return;
  found->second.inputs.erase(input);
  scheduler_.post([mixer = found->second.mixer, input](Graph&) { mixer->removeInput(input); });
}

uint32_t Engine::createMixMinus(uint32_t handle, uint32_t input) {
  MixerEntry& entry = mixer(handle);
  if (!entry.inputs.contains(input)) throw std::invalid_argument("The mixer has no input " + std::to_string(input));
  const uint32_t minus = nextHandle();
  entry.mixMinuses.push_back(minus);
  mixMinuses_.emplace(minus, handle);
  const auto added = std::make_shared<MixMinus>(minus, entry.mixer, input);
  producers_.emplace(minus, added);
  scheduler_.post([this, added](Graph& graph) { wiring_.addProducer(graph, added); });
  return minus;
}

uint32_t Engine::createFilter(std::unique_ptr<AudioFilter> filter) {
  const uint32_t handle = nextHandle();
  const auto added = std::make_shared<FilteredProducer>(handle, std::move(filter));
  filters_.emplace(handle, FilterEntry{added, 0, 0});
  producers_.emplace(handle, added);
  scheduler_.post([this, added](Graph& graph) { wiring_.addFilter(graph, added); });
  return handle;
}

Engine::FilterEntry& Engine::filter(uint32_t handle, uint32_t producerHandle) {
  const auto found = filters_.find(handle);
  if (found == filters_.end()) throw std::invalid_argument("There is no filter " + std::to_string(handle));
  if (producerHandle != 0 && hears(producerHandle, handle)) throw std::invalid_argument("A filter cannot hear itself");
  return found->second;
}

void Engine::bindFilter(uint32_t handle, uint32_t producerHandle) {
  FilterEntry& entry = filter(handle, producerHandle);
  auto from = decodable(producerHandle);
  entry.producer = producerHandle;
  scheduler_.post([filter = entry.filter, from = std::move(from)](Graph&) { filter->bind(from); });
}

void Engine::bindFilterReverse(uint32_t handle, uint32_t producerHandle) {
  FilterEntry& entry = filter(handle, producerHandle);
  auto from = decodable(producerHandle);
  entry.reverse = producerHandle;
  scheduler_.post([filter = entry.filter, from = std::move(from)](Graph&) { filter->bindReverse(from); });
}

void Engine::closeProducer(uint32_t handle) {
  if (const auto found = mixers_.find(handle); found != mixers_.end()) {
    const std::vector<uint32_t> minuses = std::move(found->second.mixMinuses);
    for (const uint32_t minus : minuses) closeProducer(minus);
    mixers_.erase(handle);
  } else if (const auto minus = mixMinuses_.find(handle); minus != mixMinuses_.end()) {
    if (const auto owner = mixers_.find(minus->second); owner != mixers_.end())
      std::erase(owner->second.mixMinuses, handle);
    mixMinuses_.erase(minus);
  } else if (sources_.erase(handle) == 0 && encodedSources_.erase(handle) == 0 && filters_.erase(handle) == 0) {
    return;
  }
  forgetProducer(handle);
}

void Engine::forgetProducer(uint32_t handle) {
  const auto found = producers_.find(handle);
  if (found == producers_.end()) return;
  for (auto& [sender, entry] : senders_)
    if (entry.producer == handle) entry.producer = 0;
  for (auto& [id, entry] : mixers_)
    std::erase_if(entry.inputs, [handle](const auto& input) { return input.second == handle; });
  for (auto& [id, entry] : filters_) {
    if (entry.producer == handle) entry.producer = 0;
    if (entry.reverse == handle) entry.reverse = 0;
  }
  scheduler_.post([this, gone = found->second](Graph& graph) { wiring_.removeProducer(graph, gone); });
  producers_.erase(found);
}

}  // namespace troupe
