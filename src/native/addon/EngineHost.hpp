#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "../engine/Engine.hpp"

namespace troupe::addon {

/** The engine of one Node environment, and the way of its batches to JavaScript. */
class EngineHost {
 public:
  EngineHost(Napi::Env env, Scheduler::Options options, Napi::Function onBatch);
  ~EngineHost();
  EngineHost(const EngineHost&) = delete;
  EngineHost& operator=(const EngineHost&) = delete;

  Engine& engine() { return *engine_; }
  /** Ends the threads; a listener may call it, so the host itself lives on until its batch is through. */
  void stop();
  /** Hands every waiting batch to the callback; on JavaScript's thread. */
  void deliver(Napi::Env env, Napi::Function onBatch);
  /** Manual only: runs the ticks up to `nowUs` and hands over what they made. */
  void tick(Napi::Env env, int64_t nowUs);

 private:
  static void onWake(Napi::Env env, Napi::Function onBatch, EngineHost* host, void* unused);
  using WakeFunction = Napi::TypedThreadSafeFunction<EngineHost, void, &EngineHost::onWake>;

  /** Memory that JavaScript sees a batch through; grown, never given back. */
  template <typename Element>
  class SharedBuffer {
   public:
    Napi::TypedArrayOf<Element> copy(Napi::Env env, const std::vector<Element>& values, napi_typedarray_type type);

   private:
    Napi::Reference<Napi::ArrayBuffer> buffer_;
    size_t capacity_ = 0;
  };

  /** The environment ends: threads must be gone before the wake function is. */
  static void onEnvironmentEnd(void* host);
  void wake();
  /** One batch; false when JavaScript takes no more. */
  bool handOver(Napi::Env env, Napi::Function onBatch);

  const napi_env env_;
  Napi::FunctionReference onBatch_;
  WakeFunction wakeFunction_;
  std::atomic<bool> wakePending_{false};
  std::unique_ptr<Engine> engine_;
  bool stopped_ = false;
  bool delivering_ = false;
  Batch taken_;
  SharedBuffer<double> records_;
  SharedBuffer<int16_t> pcm_;
  SharedBuffer<uint8_t> bytes_;
};

}  // namespace troupe::addon
