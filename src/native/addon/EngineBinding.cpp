// Registers the engine's half of binding.ts: each function takes its arguments apart and calls the engine.
#include <napi.h>

#include <cmath>
#include <exception>
#include <stdexcept>

#include "AddonState.hpp"
#include "Arguments.hpp"
#include "EngineAccess.hpp"
#include "EngineOptions.hpp"
#include "EngineStatistics.hpp"
#include "OpusEncoding.hpp"
#include "Registration.hpp"

namespace troupe::addon {

namespace {

constexpr int kMaximumCodecThreads = 256;
constexpr double kMaximumCapacityMs = 600'000;
constexpr double kMaximumMs = 3'600'000;
constexpr double kMaximumMark = 4294967295.0;
constexpr double kMaximumTimeUs = 9e15;
constexpr int kLowestSinkRateHz = 8'000;
constexpr int kHighestSinkRateHz = 192'000;
constexpr int kMostSinkChannels = 8;

using Info = Napi::CallbackInfo;

/** The engine, for calls that end something: null when it is not running and so has nothing left to end. */
Engine* engineIfRunning(const Info& info) {
  auto& host = AddonState::of(info.Env()).engine;
  return host ? &host->engine() : nullptr;
}

Napi::Value number(const Info& info, double value) { return Napi::Number::New(info.Env(), value); }

void engineStart(const Info& info) {
  auto& state = AddonState::of(info.Env());
  if (state.engine) throw Napi::Error::New(info.Env(), "The engine runs already");
  const Fields fields(objectArgument(info, 0, "options"), "options");
  if (info.Length() < 2 || !info[1].IsFunction()) throw Napi::TypeError::New(info.Env(), "Expected a function for onBatch");
  Scheduler::Options options;
  options.codecThreads = fields.integer("codecThreads", 0, kMaximumCodecThreads);
  options.manual = fields.boolean("manual", false);
  options.sendSlots = fields.integer("sendSlots", 1, Scheduler::kMaximumSendSlots, 1);
  state.engine = std::make_shared<EngineHost>(info.Env(), options, info[1].As<Napi::Function>());
}

void engineStop(const Info& info) {
  const auto host = std::move(AddonState::of(info.Env()).engine);
  if (host) host->stop();
}

void engineTick(const Info& info) {
  engineOf(info);
  const auto host = AddonState::of(info.Env()).engine;
  host->tick(info.Env(), static_cast<int64_t>(numberArgument(info, 0, "nowUs", 0, kMaximumTimeUs)));
}

Napi::Value engineStats(const Info& info) { return engineStatsObject(info.Env(), engineOf(info).stats()); }

Napi::Value peerCreate(const Info& info) { return number(info, engineOf(info).createPeer()); }
void peerClose(const Info& info) {
  if (Engine* engine = engineIfRunning(info)) engine->closePeer(handleArgument(info, 0));
}
void peerSetHeaderExtensions(const Info& info) {
  const auto peer = engineOf(info).peer(handleArgument(info, 0));
  if (!peer) throw std::invalid_argument("There is no such peer");
  peer->wire()->setExtensionIds(headerExtensionIdsOf(objectArgument(info, 1, "ids")));
}
Napi::Value peerStats(const Info& info) {
  return peerStatsObject(info.Env(), engineOf(info).peerStats(handleArgument(info, 0)));
}
void peerReceive(const Info& info) {
  const auto peer = engineOf(info).peer(handleArgument(info, 0));
  if (!peer) throw Napi::Error::New(info.Env(), "Expected an open peer");
  if (info.Length() < 2 || !info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(info.Env(), "Expected a Uint8Array for packet");
  const auto packet = info[1].As<Napi::Uint8Array>();
  const auto arrivalUs = static_cast<int64_t>(numberArgument(info, 2, "arrivalUs", 0, 9e15));
  peer->receiveRtp(packet.Data(), packet.ElementLength(), arrivalUs);
}
void peerLink(const Info& info) {
  WireImpairment impairment;
  if (info.Length() > 2 && !info[2].IsUndefined()) impairment = wireImpairmentOf(objectArgument(info, 2, "impairment"));
  engineOf(info).linkPeers(handleArgument(info, 0), handleArgument(info, 1), impairment);
}

Napi::Value receiverCreate(const Info& info) {
  return number(info, engineOf(info).createReceiver(handleArgument(info, 0),
                                                    receiverOptionsOf(objectArgument(info, 1, "options"))));
}
void receiverUpdate(const Info& info) {
  engineOf(info).updateReceiver(handleArgument(info, 0), receiverOptionsOf(objectArgument(info, 1, "options")));
}
Napi::Value receiverTakeLongestGapUs(const Info& info) {
  return number(info, static_cast<double>(engineOf(info).takeLongestGapUs(handleArgument(info, 0))));
}
Napi::Value receiverTakeLoudest(const Info& info) {
  return number(info, engineOf(info).takeLoudest(handleArgument(info, 0)));
}
void receiverRequestKeyFrame(const Info& info) { engineOf(info).requestKeyFrame(handleArgument(info, 0)); }
void receiverClose(const Info& info) {
  if (Engine* engine = engineIfRunning(info)) engine->closeReceiver(handleArgument(info, 0));
}

Napi::Value sourceCreate(const Info& info) {
  const Napi::Object options = objectArgument(info, 0, "options");
  const int capacityMs = Fields(options, "options").integer("capacityMs", kTickMs, kMaximumCapacityMs);
  return number(info, engineOf(info).createSource(pcmFormatOf(options, "options"), capacityMs));
}
Napi::Value sourceWrite(const Info& info) {
  Source& source = engineOf(info).source(handleArgument(info, 0));
  if (info.Length() < 2 || !info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_int16_array)
    throw Napi::TypeError::New(info.Env(), "Expected an Int16Array for pcm");
  const auto pcm = info[1].As<Napi::Int16Array>();
  const std::span<const int16_t> samples(pcm.Data(), pcm.ElementLength());
  if (info.Length() < 3 || info[2].IsUndefined()) return number(info, static_cast<double>(source.write(samples)));
  const double dueUs = numberArgument(info, 2, "dueUs", 0, kMaximumTimeUs);
  return number(info, static_cast<double>(source.write(samples, static_cast<int64_t>(dueUs))));
}
Napi::Value sourceQueuedUs(const Info& info) {
  return number(info, static_cast<double>(engineOf(info).source(handleArgument(info, 0)).queuedUs()));
}
Napi::Value sourceClear(const Info& info) {
  return number(info, static_cast<double>(engineOf(info).source(handleArgument(info, 0)).clear()));
}
void sourceMark(const Info& info) {
  const double mark = numberArgument(info, 1, "mark", 0, kMaximumMark);
  if (!engineOf(info).source(handleArgument(info, 0)).mark(static_cast<uint32_t>(mark)))
    throw Napi::RangeError::New(info.Env(), "The source has too many marks waiting");
}
Napi::Value encodedSourceCreate(const Info& info) {
  return number(info, engineOf(info).createEncodedSource(encodedSourceOptionsOf(objectArgument(info, 0, "options"))));
}

Napi::Value mixerCreate(const Info& info) {
  return number(info, engineOf(info).createMixer(pcmFormatOf(objectArgument(info, 0, "options"), "options")));
}
Napi::Value mixerAddInput(const Info& info) {
  const double gain = numberArgument(info, 2, "gain", 0, Mixer::kMaximumGain);
  return number(info, engineOf(info).addMixerInput(handleArgument(info, 0), handleArgument(info, 1),
                                                   static_cast<float>(gain)));
}
void mixerSetGain(const Info& info) {
  const double gain = numberArgument(info, 2, "gain", 0, Mixer::kMaximumGain);
  const double rampMs = numberArgument(info, 3, "rampMs", 0, kMaximumMs);
  engineOf(info).setMixerGain(handleArgument(info, 0), handleArgument(info, 1), static_cast<float>(gain),
                              static_cast<int>(rampMs));
}
void mixerRemoveInput(const Info& info) {
  if (Engine* engine = engineIfRunning(info)) engine->removeMixerInput(handleArgument(info, 0), handleArgument(info, 1));
}
Napi::Value mixerMinus(const Info& info) {
  return number(info, engineOf(info).createMixMinus(handleArgument(info, 0), handleArgument(info, 1)));
}

Napi::Value senderCreate(const Info& info) {
  return number(info, engineOf(info).createSender(handleArgument(info, 0),
                                                  senderOptionsOf(objectArgument(info, 1, "options"))));
}
void senderSetProducer(const Info& info) {
  engineOf(info).setSenderProducer(handleArgument(info, 0), handleArgument(info, 1));
}
void senderUpdate(const Info& info) {
  Engine& engine = engineOf(info);
  const uint32_t sender = handleArgument(info, 0);
  engine.updateSender(sender, opusParametersOf(objectArgument(info, 1, "opus"), engine.senderOpus(sender)));
}
void senderReconfigure(const Info& info) {
  engineOf(info).reconfigureSender(handleArgument(info, 0), senderOptionsOf(objectArgument(info, 1, "options")));
}
void senderClose(const Info& info) {
  if (Engine* engine = engineIfRunning(info)) engine->closeSender(handleArgument(info, 0));
}

size_t keyIndexArgument(const Info& info) {
  return static_cast<size_t>(numberArgument(info, 1, "index", 0, FrameCryptor::kMaximumKeyRingSize - 1));
}
Napi::Value frameCryptorCreate(const Info& info) {
  return number(info, engineOf(info).createFrameCryptor(frameCryptorOptionsOf(objectArgument(info, 0, "options"))));
}
void frameCryptorSetKey(const Info& info) {
  // Keys may be taken away after the end.
  if (Engine* engine = engineIfRunning(info))
    engine->frameCryptor(handleArgument(info, 0)).setKey(keyIndexArgument(info), bytesOf(info[2], "key"));
}
void frameCryptorSetCandidates(const Info& info) {
  if (!info[2].IsArray()) throw Napi::TypeError::New(info.Env(), "Expected an array for keys");
  const auto list = info[2].As<Napi::Array>();
  if (list.Length() > FrameCryptor::kMaximumCandidates) throw std::invalid_argument("Expected at most 64 keys");
  std::vector<std::vector<uint8_t>> keys;
  for (uint32_t at = 0; at < list.Length(); ++at) {
    const auto key = bytesOf(list.Get(at), "keys");
    keys.emplace_back(key.begin(), key.end());
  }
  engineOf(info).frameCryptor(handleArgument(info, 0)).setCandidates(keyIndexArgument(info), keys);
}
void frameCryptorSetKeyIndex(const Info& info) {
  engineOf(info).frameCryptor(handleArgument(info, 0)).setKeyIndex(keyIndexArgument(info));
}
void frameCryptorSetEnabled(const Info& info) {
  if (!info[1].IsBoolean()) throw Napi::TypeError::New(info.Env(), "Expected a boolean for enabled");
  engineOf(info).frameCryptor(handleArgument(info, 0)).setEnabled(info[1].As<Napi::Boolean>());
}
Napi::Value frameRelayCreate(const Info& info) {
  const Fields fields(objectArgument(info, 0, "options"), "options");
  FrameRelayOptions options;
  options.maximumFrames =
      static_cast<size_t>(fields.integer("maximumFrames", 1, static_cast<int>(FrameRelay::kMaximumFrames)));
  options.maximumHoldUs = int64_t{fields.integer("maximumHoldMs", 1, static_cast<int>(kMaximumMs))} * 1000;
  return number(info, engineOf(info).createFrameRelay(options));
}
Napi::Value frameRelayEnqueue(const Info& info) {
  const auto frameNumber = static_cast<uint64_t>(numberArgument(info, 1, "number", 0, kMaximumTimeUs));
  const auto frame = bytesOf(info[2], "frame");
  Engine* engine = engineIfRunning(info);
  return Napi::Boolean::New(info.Env(),
                            engine != nullptr && engine->enqueueFrame(handleArgument(info, 0), frameNumber, frame));
}
Napi::Value frameTransformStats(const Info& info) {
  const Engine* engine = engineIfRunning(info);
  return frameTransformObject(info.Env(), engine == nullptr ? FrameTransformCounts{}
                                                            : engine->frameTransformCounts(handleArgument(info, 0)));
}
void frameTransformClose(const Info& info) {
  if (Engine* engine = engineIfRunning(info)) engine->closeFrameTransform(handleArgument(info, 0));
}
void senderSetTransform(const Info& info) {
  engineOf(info).setSenderTransform(handleArgument(info, 0), handleArgument(info, 1));
}
void receiverSetTransform(const Info& info) {
  engineOf(info).setReceiverTransform(handleArgument(info, 0), handleArgument(info, 1));
}

Napi::Value sinkCreate(const Info& info) {
  const Napi::Object options = objectArgument(info, 0, "options");
  const Fields fields(options, "options");
  const int frameMs = fields.integer("frameMs", kTickMs, 1000);
  if (frameMs % kTickMs != 0) fields.fail("frameMs", "a multiple of 10");
  PcmFormat format;
  format.rateHz = fields.integer("sampleRate", kLowestSinkRateHz, kHighestSinkRateHz);
  format.channels = fields.integer("channels", 1, kMostSinkChannels);
  return number(info, engineOf(info).createSink(format, frameMs));
}
void sinkBind(const Info& info) { engineOf(info).bindSink(handleArgument(info, 0), handleArgument(info, 1)); }
void sinkClose(const Info& info) {
  if (Engine* engine = engineIfRunning(info)) engine->closeSink(handleArgument(info, 0));
}

void producerSetLevelInterval(const Info& info) {
  const double intervalMs = numberArgument(info, 1, "intervalMs", 0, kMaximumMs);
  engineOf(info).setLevelInterval(handleArgument(info, 0), static_cast<int>(intervalMs));
}
void producerClose(const Info& info) {
  if (Engine* engine = engineIfRunning(info)) engine->closeProducer(handleArgument(info, 0));
}

Napi::Value forwarderCreate(const Info& info) {
  return number(info, engineOf(info).createForwarder(handleArgument(info, 0), handleArgument(info, 1),
                                                     forwardingOptionsOf(objectArgument(info, 2, "options"))));
}
void forwarderRequestLayer(const Info& info) {
  const Fields fields(objectArgument(info, 1, "options"), "options");
  engineOf(info).requestLayer(handleArgument(info, 0), fields.text("layer", LayerSelector::kLongestRid));
}

void forwarderClose(const Info& info) {
  if (Engine* engine = engineIfRunning(info)) engine->closeForwarder(handleArgument(info, 0));
}

}  // namespace

void registerEngine(Napi::Env, Napi::Object exports) {
  add<engineStart>(exports, "engineStart");
  add<engineStop>(exports, "engineStop");
  add<engineTick>(exports, "engineTick");
  add<engineStats>(exports, "engineStats");
  add<peerCreate>(exports, "peerCreate");
  add<peerClose>(exports, "peerClose");
  add<peerSetHeaderExtensions>(exports, "peerSetHeaderExtensions");
  add<peerStats>(exports, "peerStats");
  add<peerReceive>(exports, "peerReceive");
  add<peerLink>(exports, "peerLink");
  add<receiverCreate>(exports, "receiverCreate");
  add<receiverUpdate>(exports, "receiverUpdate");
  add<receiverRequestKeyFrame>(exports, "receiverRequestKeyFrame");
  add<receiverTakeLoudest>(exports, "receiverTakeLoudest");
  add<receiverTakeLongestGapUs>(exports, "receiverTakeLongestGapUs");
  add<encodeOpus>(exports, "encodeOpus");
  add<receiverClose>(exports, "receiverClose");
  add<sourceCreate>(exports, "sourceCreate");
  add<sourceWrite>(exports, "sourceWrite");
  add<sourceQueuedUs>(exports, "sourceQueuedUs");
  add<sourceClear>(exports, "sourceClear");
  add<sourceMark>(exports, "sourceMark");
  add<producerClose>(exports, "sourceClose");
  add<encodedSourceCreate>(exports, "encodedSourceCreate");
  add<mixerCreate>(exports, "mixerCreate");
  add<mixerAddInput>(exports, "mixerAddInput");
  add<mixerSetGain>(exports, "mixerSetGain");
  add<mixerRemoveInput>(exports, "mixerRemoveInput");
  add<producerClose>(exports, "mixerClose");
  add<mixerMinus>(exports, "mixerMinus");
  add<senderCreate>(exports, "senderCreate");
  add<senderSetProducer>(exports, "senderSetProducer");
  add<senderUpdate>(exports, "senderUpdate");
  add<senderReconfigure>(exports, "senderReconfigure");
  add<senderClose>(exports, "senderClose");
  add<frameCryptorCreate>(exports, "frameCryptorCreate");
  add<frameCryptorSetKey>(exports, "frameCryptorSetKey");
  add<frameCryptorSetCandidates>(exports, "frameCryptorSetCandidates");
  add<frameCryptorSetKeyIndex>(exports, "frameCryptorSetKeyIndex");
  add<frameCryptorSetEnabled>(exports, "frameCryptorSetEnabled");
  add<frameRelayCreate>(exports, "frameRelayCreate");
  add<frameRelayEnqueue>(exports, "frameRelayEnqueue");
  add<frameTransformStats>(exports, "frameTransformStats");
  add<frameTransformClose>(exports, "frameTransformClose");
  add<senderSetTransform>(exports, "senderSetTransform");
  add<receiverSetTransform>(exports, "receiverSetTransform");
  add<sinkCreate>(exports, "sinkCreate");
  add<sinkBind>(exports, "sinkBind");
  add<sinkClose>(exports, "sinkClose");
  add<producerSetLevelInterval>(exports, "producerSetLevelInterval");
  add<producerClose>(exports, "producerClose");
  add<forwarderCreate>(exports, "forwarderCreate");
  add<forwarderRequestLayer>(exports, "forwarderRequestLayer");
  add<forwarderClose>(exports, "forwarderClose");
}

Engine& engineOf(const Info& info) {
  auto& host = AddonState::of(info.Env()).engine;
  if (!host) throw Napi::Error::New(info.Env(), "The engine is not running");
  return host->engine();
}

std::shared_ptr<PacketReceiver> enginePeerReceiver(Napi::Env env, uint32_t peer) {
  const auto& host = AddonState::of(env).engine;
  return host ? host->engine().peer(peer) : nullptr;
}

void setEnginePeerSender(Napi::Env env, uint32_t peer, std::shared_ptr<PacketSender> sender) {
  const auto& host = AddonState::of(env).engine;
  const auto found = host ? host->engine().peer(peer) : nullptr;
  if (found) found->wire()->setSender(std::move(sender));
}

}  // namespace troupe::addon
