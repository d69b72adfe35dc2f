#include "TransportEnvironment.hpp"

#include <array>
#include <atomic>

#include "EngineAccess.hpp"

namespace troupe::addon {

namespace {

// What one turn of the event loop takes at most, so that a flood of messages leaves it room for the rest.
constexpr size_t kEventsPerTurn = 256;

std::atomic<int> openCount{0};

std::mutex environmentsMutex;

std::map<napi_env, TransportEnvironment*>& environments() {
  static auto* map = new std::map<napi_env, TransportEnvironment*>();
  return *map;
}

const char* nameOf(TransportEvent::Type type) {
  static constexpr std::array kNames = {"candidate", "gathered", "state",      "channel",
                                        "channelOpen", "message",  "channelLow", "channelClosed", "network"};
  return kNames[static_cast<size_t>(type)];
}

}  // namespace

void TransportObject::onCandidate(const std::string& candidate) {
  TransportEvent made = event(TransportEvent::Type::candidate);
  made.text = candidate;
  environment_.enqueue(std::move(made));
}

void TransportObject::onGathered() { environment_.enqueue(event(TransportEvent::Type::gathered)); }

void TransportObject::onState(transport::TransportState state, const std::string& reason) {
  TransportEvent made = event(TransportEvent::Type::state);
  made.state = state;
  made.text = reason;
  environment_.enqueue(std::move(made));
}

void TransportObject::onNetwork(bool isPathLost) {
  TransportEvent made = event(TransportEvent::Type::network);
  made.flag = isPathLost;
  environment_.enqueue(std::move(made));
}

void TransportObject::onChannel(uint32_t channel, const std::string& label, const transport::ChannelOptions& options,
                                std::shared_ptr<transport::ChannelGauge> gauge) {
  TransportEvent made = channelEvent(TransportEvent::Type::channel, channel);
  made.text = label;
  made.protocol = options.protocol;
  made.flag = options.ordered;
  made.gauge = std::move(gauge);
  environment_.enqueue(std::move(made));
}

void TransportObject::onChannelOpen(uint32_t channel) {
  environment_.enqueue(channelEvent(TransportEvent::Type::channelOpen, channel));
}

void TransportObject::onMessage(uint32_t channel, std::vector<uint8_t> data, bool isBinary) {
  TransportEvent made = channelEvent(TransportEvent::Type::message, channel, data.size());
  made.data = std::move(data);
  made.flag = isBinary;
  environment_.enqueue(std::move(made));
}

void TransportObject::onChannelLow(uint32_t channel) {
  environment_.enqueue(channelEvent(TransportEvent::Type::channelLow, channel));
}

void TransportObject::onChannelClosed(uint32_t channel, const std::string& reason) {
  TransportEvent made = channelEvent(TransportEvent::Type::channelClosed, channel);
  made.text = reason;
  environment_.enqueue(std::move(made));
}

TransportEvent TransportObject::channelEvent(TransportEvent::Type type, uint32_t channel, size_t messageBytes) const {
  TransportEvent made = event(type);
  made.channel = channel;
  made.weight = transport::Transport::eventWeight(messageBytes);
  return made;
}

TransportEvent TransportObject::event(TransportEvent::Type type) const {
  TransportEvent made;
  made.transport = handle_;
  made.type = type;
  return made;
}

TransportEnvironment* TransportEnvironment::find(Napi::Env env) {
  std::lock_guard lock(environmentsMutex);
  const auto found = environments().find(env);
  return found == environments().end() ? nullptr : found->second;
}

TransportEnvironment& TransportEnvironment::of(Napi::Env env) {
  if (TransportEnvironment* found = find(env)) return *found;
  auto* made = new TransportEnvironment(env);
  std::lock_guard lock(environmentsMutex);
  environments()[env] = made;
  return *made;
}

int TransportEnvironment::openTransports() { return openCount; }

TransportEnvironment::TransportEnvironment(Napi::Env env) : env_(env) {
  const Napi::String name = Napi::String::New(env, "troupe transport");
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, callJavaScript,
                                      &wake_) != napi_ok) {
    throw Napi::Error::New(env, "Could not make a way from the transport's thread to JavaScript");
  }
  napi_unref_threadsafe_function(env, wake_);
  // Hooks run last in, first out: this one comes before the thread-safe function's own.
  napi_add_env_cleanup_hook(env, onEnvironmentEnd, this);
}

TransportObject& TransportEnvironment::create(const transport::TransportOptions& options, Napi::Function onEvent,
                                              uint32_t& handle) {
  if (!thread_) thread_ = std::make_unique<transport::IoThread>();
  handle = transport::nextHandle();
  auto object = std::make_unique<TransportObject>(*this, handle);
  try {
    thread_->invoke(
        [&] { object->transport = std::make_shared<transport::Transport>(*thread_, options, *object); });
  } catch (...) {
    if (objects_.empty()) thread_.reset();
    throw;
  }
  object->onEvent = Napi::Persistent(onEvent);
  if (objects_.empty()) napi_ref_threadsafe_function(env_, wake_);
  ++openCount;
  return *(objects_[handle] = std::move(object));
}

TransportObject& TransportEnvironment::get(uint32_t handle) {
  const auto found = objects_.find(handle);
  if (found == objects_.end()) throw Napi::Error::New(env_, "The transport is closed");
  return *found->second;
}

void TransportEnvironment::close(uint32_t handle) {
  const auto found = objects_.find(handle);
  if (found == objects_.end()) return;
  if (found->second->peer != 0) setEnginePeerSender(env_, found->second->peer, nullptr);
  closeObject(*found->second);
  objects_.erase(found);
  if (!objects_.empty()) return;
  napi_unref_threadsafe_function(env_, wake_);
  thread_.reset();
}

void TransportEnvironment::watchNetwork(Napi::Value onChange) {
  network_.reset();
  onNetworkChange_.Reset();
  if (!onChange.IsFunction()) return;
  onNetworkChange_ = Napi::Persistent(onChange.As<Napi::Function>());
  network_ = std::make_unique<transport::NetworkWatch>([this](bool) {
    TransportEvent event;
    event.type = TransportEvent::Type::network;
    enqueue(std::move(event));
  });
}

void TransportEnvironment::closeObject(TransportObject& object) {
  thread_->invoke([&] { object.transport->close(); });
  --openCount;
}

void TransportEnvironment::onEnvironmentEnd(void* self) {
  auto* environment = static_cast<TransportEnvironment*>(self);
  {
    std::lock_guard lock(environmentsMutex);
    environments().erase(environment->env_);
  }
  environment->shutDown();
  delete environment;
}

void TransportEnvironment::shutDown() {
  network_.reset();
  // The engine's end of this environment may be gone already, so it is not told.
  for (auto& [handle, object] : objects_) closeObject(*object);
  objects_.clear();
  thread_.reset();
  napi_release_threadsafe_function(wake_, napi_tsfn_abort);
}

void TransportEnvironment::enqueue(TransportEvent event) {
  std::lock_guard lock(eventsMutex_);
  events_.push_back(std::move(event));
  if (isWakePending_) return;
  isWakePending_ = napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) == napi_ok;
}

void TransportEnvironment::callJavaScript(napi_env env, napi_value, void* self, void*) {
  // Without an environment the function is being torn down, and its context may be gone.
  if (env) static_cast<TransportEnvironment*>(self)->dispatch();
}

void TransportEnvironment::dispatch() {
  std::vector<TransportEvent> taken;
  {
    std::lock_guard lock(eventsMutex_);
    isWakePending_ = false;
    const size_t count = std::min(events_.size(), kEventsPerTurn);
    taken.reserve(count);
    for (size_t i = 0; i < count; ++i) taken.push_back(std::move(events_[i]));
    events_.erase(events_.begin(), events_.begin() + static_cast<ptrdiff_t>(count));
    if (!events_.empty()) {
      isWakePending_ = napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) == napi_ok;
    }
  }
  for (TransportEvent& event : taken) deliver(event);
}

void TransportEnvironment::deliver(TransportEvent& event) {
  Napi::HandleScope scope(env_);
  if (event.transport == 0) {
    if (!onNetworkChange_.IsEmpty()) call(onNetworkChange_.Value(), {});
    return;
  }
  const auto found = objects_.find(event.transport);
  if (found == objects_.end()) return;
  TransportObject& object = *found->second;
  if (event.weight > 0) object.transport->eventTaken(event.weight);
  std::vector<napi_value> arguments;
  napi_value onEvent = nullptr;
  try {
    arguments = argumentsOf(event, object);
    onEvent = object.onEvent.Value();
  } catch (const Napi::Error&) {
    // Nothing can be made any more in an environment that is being terminated.
    return;
  }
  // The listener may close the transport, and with it `object`.
  call(onEvent, arguments);
}

void TransportEnvironment::call(napi_value function, const std::vector<napi_value>& arguments) {
  if (napi_call_function(env_, env_.Undefined(), function, arguments.size(), arguments.data(), nullptr) !=
      napi_pending_exception) {
    return;
  }
  napi_value exception = nullptr;
  if (napi_get_and_clear_last_exception(env_, &exception) == napi_ok) napi_fatal_exception(env_, exception);
}

std::vector<napi_value> TransportEnvironment::argumentsOf(TransportEvent& event, TransportObject& object) {
  using Type = TransportEvent::Type;
  const auto text = [&](const std::string& value) -> napi_value { return Napi::String::New(env_, value); };
  const auto number = [&](uint32_t value) -> napi_value { return Napi::Number::New(env_, value); };
  const auto boolean = [&](bool value) -> napi_value { return Napi::Boolean::New(env_, value); };
  static constexpr std::array kStates = {"new", "connecting", "connected", "disconnected", "failed", "closed"};
  std::vector<napi_value> arguments = {text(nameOf(event.type))};
  switch (event.type) {
    case Type::candidate:
      arguments.push_back(text(event.text));
      break;
    case Type::gathered:
      break;
    case Type::state:
      arguments.insert(arguments.end(), {text(kStates[static_cast<size_t>(event.state)]), text(event.text)});
      break;
    case Type::channel:
      object.channels[event.channel] = std::move(event.gauge);
      arguments.insert(arguments.end(),
                       {number(event.channel), text(event.text), text(event.protocol), boolean(event.flag)});
      break;
    case Type::message:
      arguments.insert(arguments.end(),
                       {number(event.channel), Napi::Buffer<uint8_t>::Copy(env_, event.data.data(), event.data.size()),
                        boolean(event.flag)});
      break;
    case Type::network:
      arguments.push_back(boolean(event.flag));
      break;
    case Type::channelClosed:
      object.channels.erase(event.channel);
      arguments.insert(arguments.end(), {number(event.channel), text(event.text)});
      break;
    case Type::channelOpen:
    case Type::channelLow:
      arguments.push_back(number(event.channel));
      break;
  }
  return arguments;
}

}  // namespace troupe::addon
