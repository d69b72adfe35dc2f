// The calls of binding.ts that begin with `transport`: they read their arguments and hand them on.

#include <napi.h>

#include <algorithm>

#include "EngineAccess.hpp"
#include "TransportEnvironment.hpp"
#include "TransportValues.hpp"

namespace troupe::addon {

namespace {

using transport::ChannelGauge;
using transport::InvalidParameters;
using transport::Transport;

[[noreturn]] void throwInvalid(Napi::Env env, const InvalidParameters& error) {
  Napi::Error thrown = Napi::Error::New(env, error.what());
  thrown.Set("code", Napi::String::New(env, "INVALID_PARAMETERS"));
  throw thrown;
}

TransportObject& objectOf(const Napi::CallbackInfo& info) {
  TransportEnvironment* environment = TransportEnvironment::find(info.Env());
  if (!environment) throw Napi::Error::New(info.Env(), "The transport is closed");
  return environment->get(info[0].As<Napi::Number>().Uint32Value());
}

/** Runs `work` with the transport on the I/O thread and waits for it. */
template <typename Work>
void onThread(const Napi::CallbackInfo& info, Work work) {
  TransportObject& object = objectOf(info);
  try {
    TransportEnvironment::find(info.Env())->thread().invoke([&] { work(*object.transport); });
  } catch (const InvalidParameters& error) {
    throwInvalid(info.Env(), error);
  }
}

Napi::Value transportCreate(const Napi::CallbackInfo& info) {
  uint32_t handle = 0;
  try {
    const transport::TransportOptions options = readOptions(info[0].As<Napi::Object>());
    TransportEnvironment::of(info.Env()).create(options, info[1].As<Napi::Function>(), handle);
  } catch (const InvalidParameters& error) {
    throwInvalid(info.Env(), error);
  }
  return Napi::Number::New(info.Env(), handle);
}

Napi::Value transportLocalParameters(const Napi::CallbackInfo& info) {
  transport::TransportParameters parameters;
  onThread(info, [&](Transport& transport) { parameters = transport.localParameters(); });
  return writeParameters(info.Env(), parameters);
}

void transportSetRemoteParameters(const Napi::CallbackInfo& info) {
  transport::TransportParameters parameters = readParameters(info[1].As<Napi::Object>());
  onThread(info, [&](Transport& transport) { transport.setRemoteParameters(std::move(parameters)); });
}

Napi::Value transportAddRemoteCandidate(const Napi::CallbackInfo& info) {
  const std::string candidate = info[1].As<Napi::String>();
  bool taken = false;
  onThread(info, [&](Transport& transport) { taken = transport.addRemoteCandidate(candidate); });
  return Napi::Boolean::New(info.Env(), taken);
}

void transportRestartIce(const Napi::CallbackInfo& info) {
  const bool hasNewSockets = info[1].IsBoolean() && info[1].As<Napi::Boolean>().Value();
  const auto form = hasNewSockets ? transport::IceRestart::newSockets : transport::IceRestart::sameSockets;
  onThread(info, [&](Transport& transport) { transport.restartIce(form); });
}

void transportAttach(const Napi::CallbackInfo& info) {
  TransportObject& object = objectOf(info);
  const uint32_t peer = info[1].As<Napi::Number>().Uint32Value();
  std::shared_ptr<PacketReceiver> receiver;
  if (peer != 0) {
    receiver = enginePeerReceiver(info.Env(), peer);
    if (!receiver) throw Napi::Error::New(info.Env(), "The engine has no such peer");
  }
  if (object.peer != 0 && object.peer != peer) setEnginePeerSender(info.Env(), object.peer, nullptr);
  object.peer = peer;
  // The way out is there before the peer hears that it is writable.
  if (peer != 0) setEnginePeerSender(info.Env(), peer, object.transport);
  onThread(info, [&](Transport& transport) { transport.attach(std::move(receiver)); });
}

Napi::Value transportOpenChannel(const Napi::CallbackInfo& info) {
  TransportObject& object = objectOf(info);
  const std::string label = info[1].As<Napi::String>();
  const transport::ChannelOptions options = readChannelOptions(info[2].As<Napi::Object>());
  const uint32_t channel = transport::nextHandle();
  const auto gauge = std::make_shared<ChannelGauge>();
  onThread(info, [&](Transport& transport) { transport.openChannel(channel, label, options, gauge); });
  object.channels[channel] = gauge;
  return Napi::Number::New(info.Env(), channel);
}

/** The gauge of the channel in the second argument; null when it is closed. */
std::shared_ptr<ChannelGauge> gaugeOf(const Napi::CallbackInfo& info, TransportObject& object) {
  const auto found = object.channels.find(info[1].As<Napi::Number>().Uint32Value());
  return found == object.channels.end() ? nullptr : found->second;
}

std::vector<uint8_t> readMessage(Napi::Env env, const Napi::Value& value) {
  if (value.IsString()) {
    const std::string text = value.As<Napi::String>();
    return {text.begin(), text.end()};
  }
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(env, "Expected a string or a Uint8Array for data");
  }
  const auto bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.Data() + bytes.ByteLength()};
}

Napi::Value transportSend(const Napi::CallbackInfo& info) {
  TransportObject& object = objectOf(info);
  const std::shared_ptr<ChannelGauge> gauge = gaugeOf(info, object);
  if (!gauge) throw Napi::Error::New(info.Env(), "The data channel is closed");
  std::vector<uint8_t> data = readMessage(info.Env(), info[2]);
  if (data.size() > gauge->maximumMessageBytes()) {
    throw Napi::RangeError::New(info.Env(), "Expected at most " + std::to_string(gauge->maximumMessageBytes()) +
                                                " bytes for data but received " + std::to_string(data.size()));
  }
  if (!gauge->reserve(data.size())) return Napi::Boolean::New(info.Env(), false);
  const uint32_t channel = info[1].As<Napi::Number>().Uint32Value();
  TransportEnvironment::find(info.Env())
      ->thread()
      .post([transport = object.transport, channel, data = std::move(data), isBinary = !info[2].IsString()]() mutable {
        transport->sendMessage(channel, std::move(data), isBinary);
      });
  return Napi::Boolean::New(info.Env(), true);
}

Napi::Value transportBufferedAmount(const Napi::CallbackInfo& info) {
  const std::shared_ptr<ChannelGauge> gauge = gaugeOf(info, objectOf(info));
  return Napi::Number::New(info.Env(), gauge ? static_cast<double>(gauge->buffered()) : 0);
}

void transportSetBufferedAmountLowThreshold(const Napi::CallbackInfo& info) {
  const std::shared_ptr<ChannelGauge> gauge = gaugeOf(info, objectOf(info));
  const double bytes = info[2].As<Napi::Number>().DoubleValue();
  if (gauge) gauge->setLowThreshold(bytes > 0 ? static_cast<size_t>(std::min(bytes, 1e9)) : 0);
}

void transportProbe(const Napi::CallbackInfo& info) {
  onThread(info, [&](Transport& transport) { transport.probe(); });
}

void transportCloseChannel(const Napi::CallbackInfo& info) {
  TransportObject& object = objectOf(info);
  const uint32_t channel = info[1].As<Napi::Number>().Uint32Value();
  TransportEnvironment::find(info.Env())->thread().post([transport = object.transport, channel] {
    transport->closeChannel(channel);
  });
}

Napi::Value transportStats(const Napi::CallbackInfo& info) {
  transport::TransportStats stats;
  onThread(info, [&](Transport& transport) { stats = transport.stats(); });
  return writeStats(info.Env(), stats);
}

Napi::Value transportSinceLastPacket(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(objectOf(info).transport->sinceLastPacketMs()));
}

void transportClose(const Napi::CallbackInfo& info) {
  if (TransportEnvironment* environment = TransportEnvironment::find(info.Env())) {
    environment->close(info[0].As<Napi::Number>().Uint32Value());
  }
}

Napi::Value transportCertificateFault(const Napi::CallbackInfo& info) {
  return writeCertificateFault(info.Env(), info[0].As<Napi::Object>());
}

void watchNetwork(const Napi::CallbackInfo& info) { TransportEnvironment::of(info.Env()).watchNetwork(info[0]); }

Napi::Value transportHandles(const Napi::CallbackInfo& info) {
  Napi::Object handles = Napi::Object::New(info.Env());
  handles.Set("transports", TransportEnvironment::openTransports());
  handles.Set("threads", transport::IoThread::running());
  return handles;
}

}  // namespace

void registerTransport(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("transportCreate", transportCreate);
  add("transportLocalParameters", transportLocalParameters);
  add("transportSetRemoteParameters", transportSetRemoteParameters);
  add("transportAddRemoteCandidate", transportAddRemoteCandidate);
  add("transportRestartIce", transportRestartIce);
  add("transportAttach", transportAttach);
  add("transportOpenChannel", transportOpenChannel);
  add("transportSend", transportSend);
  add("transportBufferedAmount", transportBufferedAmount);
  add("transportSetBufferedAmountLowThreshold", transportSetBufferedAmountLowThreshold);
  add("transportProbe", transportProbe);
  add("transportCloseChannel", transportCloseChannel);
  add("transportStats", transportStats);
  add("transportSinceLastPacket", transportSinceLastPacket);
  add("transportClose", transportClose);
  add("transportCertificateFault", transportCertificateFault);
  add("watchNetwork", watchNetwork);
  add("transportHandles", transportHandles);
}

}  // namespace troupe::addon
