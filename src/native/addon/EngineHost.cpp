#include "EngineHost.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "AddonState.hpp"

namespace troupe::addon {

namespace {

constexpr size_t kInitialCapacity = 4096;
/**
 * After so long of JavaScript's thread the event loop has its turn: listeners that are slower than the clock would hold
 * it for good. What waits goes out with the next tick; what is too much the queue drops and counts.
 */
constexpr std::chrono::milliseconds kDeliveryTime{8};

}  // namespace

EngineHost::EngineHost(Napi::Env env, Scheduler::Options options, Napi::Function onBatch)
    : env_(env), onBatch_(Napi::Persistent(onBatch)) {
  if (!options.manual) {
    wakeFunction_ = WakeFunction::New(env, onBatch, "troupe engine", 0, 1, this);
    // Talking bots keep their process alive by their sockets, not by the clock.
    wakeFunction_.Unref(env);
  }
  engine_ = std::make_unique<Engine>(options, [this] { wake(); });
  // Added after the wake function was made, so that it runs before that one's own.
  napi_add_env_cleanup_hook(env_, onEnvironmentEnd, this);
}

EngineHost::~EngineHost() {
  napi_remove_env_cleanup_hook(env_, onEnvironmentEnd, this);
  stop();
}

void EngineHost::onEnvironmentEnd(void* host) { static_cast<EngineHost*>(host)->stop(); }

void EngineHost::stop() {
  if (stopped_) return;
  stopped_ = true;
  engine_->stop();
  // Now nobody wakes any more.
  if (wakeFunction_) wakeFunction_.Abort();
}

void EngineHost::wake() {
  if (!wakeFunction_ || wakePending_.exchange(true)) return;
  if (wakeFunction_.NonBlockingCall() != napi_ok) wakePending_ = false;
}

void EngineHost::onWake(Napi::Env env, Napi::Function onBatch, EngineHost* host, void*) {
  // Without an environment the function is being torn down.
  if (env == nullptr || onBatch.IsEmpty()) return;
  // A listener may stop the engine, and a wake-up of a stopped one may still come: keep it, or leave it.
  const auto kept = AddonState::of(env).engine;
  if (kept.get() == host) kept->deliver(env, onBatch);
}

void EngineHost::deliver(Napi::Env env, Napi::Function onBatch) {
  const auto until = std::chrono::steady_clock::now() + kDeliveryTime;
  delivering_ = true;
  bool isOverTime = false;
  // By hand nothing is added meanwhile, and whoever ticks wants all of it.
  while (!isOverTime && !stopped_ && engine_->batches().take(taken_) && handOver(env, onBatch))
    isOverTime = wakeFunction_ && std::chrono::steady_clock::now() >= until;
  delivering_ = false;
  // Not before: Node serves a wake-up that comes during its callback without a turn of the loop in between.
  wakePending_ = false;
  if (!isOverTime && !stopped_ && engine_->batches().isWaiting()) wake();
}

bool EngineHost::handOver(Napi::Env env, Napi::Function onBatch) {
  const Napi::HandleScope scope(env);
  napi_value arguments[4];
  try {
    arguments[0] = records_.copy(env, taken_.records, napi_float64_array);
    arguments[1] = pcm_.copy(env, taken_.pcm, napi_int16_array);
    const auto texts = Napi::Array::New(env, taken_.texts.size());
    for (uint32_t at = 0; at < taken_.texts.size(); ++at) texts.Set(at, Napi::String::New(env, taken_.texts[at]));
    arguments[2] = texts;
    arguments[3] = bytes_.copy(env, taken_.bytes, napi_uint8_array);
  } catch (const Napi::Error&) {
    // Nothing can be made any more in an environment that is being terminated.
    return false;
  }
  napi_value exception = nullptr;
  if (napi_call_function(env, env.Undefined(), onBatch, 4, arguments, nullptr) != napi_pending_exception) return true;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
  return true;
}

void EngineHost::tick(Napi::Env env, int64_t nowUs) {
  if (delivering_) throw Napi::Error::New(env, "The engine cannot be ticked from a listener of its own");
  engine_->tick(nowUs);
  deliver(env, onBatch_.Value());
}

template <typename Element>
Napi::TypedArrayOf<Element> EngineHost::SharedBuffer<Element>::copy(Napi::Env env, const std::vector<Element>& values,
                                                                    napi_typedarray_type type) {
  // A listener may have transferred the buffer away, which leaves it detached.
  if (buffer_.IsEmpty() || capacity_ < values.size() || buffer_.Value().IsDetached()) {
    capacity_ = std::max({kInitialCapacity, capacity_, 2 * values.size()});
    buffer_ = Napi::Persistent(Napi::ArrayBuffer::New(env, capacity_ * sizeof(Element)));
  }
  Napi::ArrayBuffer buffer = buffer_.Value();
  if (!values.empty()) std::memcpy(buffer.Data(), values.data(), values.size() * sizeof(Element));
  return Napi::TypedArrayOf<Element>::New(env, values.size(), buffer, 0, type);
}

}  // namespace troupe::addon
