#pragma once

#include <napi.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../transport/ChannelGauge.hpp"
#include "../transport/IoThread.hpp"
#include "../transport/NetworkWatch.hpp"
#include "../transport/Transport.hpp"

namespace troupe::addon {

class TransportEnvironment;

/** One event on its way from the I/O thread to JavaScript. */
struct TransportEvent {
  enum class Type { candidate, gathered, state, channel, channelOpen, message, channelLow, channelClosed, network };

  /** 0: of the machine, not of a transport. */
  uint32_t transport = 0;
  Type type = Type::gathered;
  uint32_t channel = 0;
  /** Candidate, reason or label. */
  std::string text;
  std::string protocol;
  transport::TransportState state = transport::TransportState::fresh;
  /** Ordered, binary, or whether the path is lost. */
  bool flag = false;
  std::vector<uint8_t> data;
  std::shared_ptr<transport::ChannelGauge> gauge;
  /** What to tell the transport once it was delivered; 0 for nothing. */
  size_t weight = 0;
};

/** A transport with its JavaScript side. Members are the JavaScript thread's; the listener runs on the I/O thread. */
class TransportObject final : public transport::TransportListener {
 public:
  TransportObject(TransportEnvironment& environment, uint32_t handle) : environment_(environment), handle_(handle) {}

  std::shared_ptr<transport::Transport> transport;
  Napi::FunctionReference onEvent;
  /** The engine peer that it is attached to; 0 for none. */
  uint32_t peer = 0;
  std::map<uint32_t, std::shared_ptr<transport::ChannelGauge>> channels;

  void onCandidate(const std::string& candidate) override;
  void onGathered() override;
  void onState(transport::TransportState state, const std::string& reason) override;
  void onNetwork(bool isPathLost) override;
  void onChannel(uint32_t channel, const std::string& label, const transport::ChannelOptions& options,
                 std::shared_ptr<transport::ChannelGauge> gauge) override;
  void onChannelOpen(uint32_t channel) override;
  void onMessage(uint32_t channel, std::vector<uint8_t> data, bool isBinary) override;
  void onChannelLow(uint32_t channel) override;
  void onChannelClosed(uint32_t channel, const std::string& reason) override;

 private:
  TransportEvent event(TransportEvent::Type type) const;
  TransportEvent channelEvent(TransportEvent::Type type, uint32_t channel, size_t messageBytes = 0) const;

  TransportEnvironment& environment_;
  const uint32_t handle_;
};

/**
 * The transports of one Node environment, its I/O thread while there are any, and the one way for their events into
 * JavaScript. Made with the first transport, ended by a cleanup hook of the environment.
 */
class TransportEnvironment {
 public:
  /** That of `env`, made when there is none. */
  static TransportEnvironment& of(Napi::Env env);
  /** That of `env`, or null. */
  static TransportEnvironment* find(Napi::Env env);
  /** Open transports of the process. */
  static int openTransports();

  TransportObject& create(const transport::TransportOptions& options, Napi::Function onEvent, uint32_t& handle);
  /** Throws a Napi::Error for a handle that is not open here. */
  TransportObject& get(uint32_t handle);
  void close(uint32_t handle);
  /** Calls `onChange` whenever the machine's network may have changed, in place of what was called before; null ends it. */
  void watchNetwork(Napi::Value onChange);
  transport::IoThread& thread() { return *thread_; }

  /** From the I/O thread. */
  void enqueue(TransportEvent event);

 private:
  explicit TransportEnvironment(Napi::Env env);
  ~TransportEnvironment() = default;

  void shutDown();
  void dispatch();
  void deliver(TransportEvent& event);
  void call(napi_value function, const std::vector<napi_value>& arguments);
  std::vector<napi_value> argumentsOf(TransportEvent& event, TransportObject& object);
  void closeObject(TransportObject& object);

  static void onEnvironmentEnd(void* self);
  static void callJavaScript(napi_env env, napi_value, void* self, void*);

  const Napi::Env env_;
  napi_threadsafe_function wake_ = nullptr;
  std::unique_ptr<transport::IoThread> thread_;
  std::map<uint32_t, std::unique_ptr<TransportObject>> objects_;
  Napi::FunctionReference onNetworkChange_;
  std::unique_ptr<transport::NetworkWatch> network_;
  std::mutex eventsMutex_;
  std::deque<TransportEvent> events_;
  bool isWakePending_ = false;
};

}  // namespace troupe::addon
