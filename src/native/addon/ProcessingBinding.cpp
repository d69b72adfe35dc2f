// Registers what processing.ts declares: objects that work when they are called, and filters in the engine.
#include <napi.h>

#include <cmath>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "../engine/AudioFilterPlugin.hpp"
#include "../engine/AudioProcessor.hpp"
#include "../engine/Limiter.hpp"
#include "../engine/LoudnessMeter.hpp"
#include "../engine/OggOpusWriter.hpp"
#include "../engine/ProcessorFilter.hpp"
#include "../engine/SoxResampler.hpp"
#include "Arguments.hpp"
#include "EngineAccess.hpp"
#include "EngineOptions.hpp"
#include "NativeObject.hpp"
#include "Registration.hpp"

namespace troupe::addon {

namespace {

using Info = Napi::CallbackInfo;

constexpr int kLowestRateHz = 1'000;
constexpr int kHighestRateHz = 768'000;
constexpr int kMostChannels = 32;
constexpr int kLongestStreamDelayMs = 500;
constexpr size_t kLongestPath = 4'096;
constexpr size_t kLongestJson = 1 << 20;
constexpr uint32_t kMostDependencies = 64;

/** One file; its calls run on the thread pool, one at a time. */
struct OggOpusFile {
  OggOpusFile(int rateHz, int channels, const OggOpusOptions& options) : writer(rateHz, channels, options) {}
  std::mutex mutex;
  OggOpusWriter writer;
};

/** A limiter without look-ahead, for mixes that wait for nobody. */
struct BlockLimiter {
  BlockLimiter(int rateHz, int channelCount) : limiter(rateHz, channelCount, 0), channels(channelCount) {}
  Limiter limiter;
  int channels;
};

using ResamplerObject = NativeObject<SoxResampler, 1>;
using ProcessorObject = NativeObject<AudioProcessor, 2>;
using LimiterObject = NativeObject<BlockLimiter, 3>;
using LoudnessObject = NativeObject<LoudnessMeter, 4>;
using OggOpusObject = NativeObject<OggOpusFile, 5>;
using PluginObject = NativeObject<AudioFilterPlugin, 6>;

/** The samples of an Int16Array or, for sums, of an Int32Array. */
template <typename Sample>
std::span<Sample> samplesArgument(const Info& info, size_t index) {
  constexpr auto type = sizeof(Sample) == sizeof(int16_t) ? napi_int16_array : napi_int32_array;
  if (index >= info.Length() || !info[index].IsTypedArray() ||
      info[index].As<Napi::TypedArray>().TypedArrayType() != type)
    throw Napi::TypeError::New(info.Env(), "Expected samples in a typed array of the right kind");
  auto array = info[index].As<Napi::TypedArrayOf<Sample>>();
  return {array.Data(), array.ElementLength()};
}

std::span<int16_t> pcmArgument(const Info& info, size_t index) { return samplesArgument<int16_t>(info, index); }

void requireWhole(const Info& info, size_t samples, int channels) {
  if (samples % static_cast<size_t>(channels) != 0)
    throw Napi::RangeError::New(info.Env(), "Expected as many samples of each channel");
}

Napi::Value pcmValue(Napi::Env env, const std::vector<int16_t>& samples) {
  auto array = Napi::Int16Array::New(env, samples.size());
  std::copy(samples.begin(), samples.end(), array.Data());
  return array;
}

std::string textArgument(const Info& info, size_t index, const char* name, size_t longest) {
  if (index >= info.Length() || !info[index].IsString())
    throw Napi::TypeError::New(info.Env(), std::string("Expected a text for ") + name);
  auto text = info[index].As<Napi::String>().Utf8Value();
  if (text.size() > longest) throw Napi::RangeError::New(info.Env(), std::string("Expected a shorter text for ") + name);
  return text;
}

Napi::Value resamplerCreate(const Info& info) {
  const Fields fields(objectArgument(info, 0, "options"), "options");
  const auto quality = fields.choice("quality", {"quick", "low", "medium", "high", "veryHigh"});
  return ResamplerObject::wrap(
      info.Env(), std::make_shared<SoxResampler>(fields.integer("inputRate", kLowestRateHz, kHighestRateHz),
                                                 fields.integer("outputRate", kLowestRateHz, kHighestRateHz),
                                                 fields.integer("channels", 1, kMostChannels),
                                                 static_cast<SoxResampler::Quality>(quality)));
}
Napi::Value resamplerPush(const Info& info) {
  const auto resampler = ResamplerObject::of(info, 0);
  const auto samples = pcmArgument(info, 1);
  requireWhole(info, samples.size(), resampler->channels());
  std::vector<int16_t> out;
  resampler->push(samples, out);
  return pcmValue(info.Env(), out);
}
Napi::Value resamplerFlush(const Info& info) {
  std::vector<int16_t> out;
  ResamplerObject::of(info, 0)->flush(out);
  return pcmValue(info.Env(), out);
}

AudioProcessor::Options processorOptionsOf(Napi::Object object) {
  const Fields fields(object, "options");
  return {.echoCancellation = fields.boolean("echoCancellation", false),
          .noiseSuppression = fields.boolean("noiseSuppression", false),
          .gainControl = fields.boolean("gainControl", false),
          .highPassFilter = fields.boolean("highPassFilter", false)};
}

Napi::Value processorCreate(const Info& info) {
  return ProcessorObject::wrap(
      info.Env(), std::make_shared<AudioProcessor>(processorOptionsOf(objectArgument(info, 0, "options"))));
}
void processorProcess(const Info& info) {
  ProcessorObject::of(info, 0)->processStream(
      pcmArgument(info, 1), static_cast<int>(numberArgument(info, 2, "sampleRate", 0, kHighestRateHz)),
      static_cast<int>(numberArgument(info, 3, "channels", 1, kMostChannels)));
}
void processorProcessReverse(const Info& info) {
  ProcessorObject::of(info, 0)->processReverseStream(
      pcmArgument(info, 1), static_cast<int>(numberArgument(info, 2, "sampleRate", 0, kHighestRateHz)),
      static_cast<int>(numberArgument(info, 3, "channels", 1, kMostChannels)));
}
void processorSetStreamDelay(const Info& info) {
  const double delayMs = numberArgument(info, 1, "delayMs", 0, kLongestStreamDelayMs);
  ProcessorObject::of(info, 0)->setStreamDelayMs(static_cast<int>(delayMs));
}

Napi::Value limiterCreate(const Info& info) {
  const Fields fields(objectArgument(info, 0, "options"), "options");
  return LimiterObject::wrap(
      info.Env(), std::make_shared<BlockLimiter>(fields.integer("sampleRate", kLowestRateHz, kHighestRateHz),
                                                 fields.integer("channels", 1, kMostChannels)));
}
Napi::Value limiterProcess(const Info& info) {
  const auto limiter = LimiterObject::of(info, 0);
  const auto samples = samplesArgument<int32_t>(info, 1);
  requireWhole(info, samples.size(), limiter->channels);
  auto out = Napi::Int16Array::New(info.Env(), samples.size());
  if (!samples.empty()) limiter->limiter.process(samples, {out.Data(), out.ElementLength()});
  return out;
}

Napi::Value loudnessCreate(const Info& info) {
  const Fields fields(objectArgument(info, 0, "options"), "options");
  return LoudnessObject::wrap(
      info.Env(), std::make_shared<LoudnessMeter>(fields.integer("sampleRate", kLowestRateHz, kHighestRateHz),
                                                  fields.integer("channels", 1, kMostChannels)));
}
void loudnessAdd(const Info& info) {
  const auto meter = LoudnessObject::of(info, 0);
  const auto samples = pcmArgument(info, 1);
  requireWhole(info, samples.size(), meter->channels());
  meter->add(samples);
}
Napi::Value loudnessFigures(const Info& info) {
  const auto figures = LoudnessObject::of(info, 0)->figures();
  auto object = Napi::Object::New(info.Env());
  object.Set("momentary", figures.momentary);
  object.Set("shortTerm", figures.shortTerm);
  object.Set("integrated", figures.integrated);
  object.Set("range", figures.range);
  object.Set("truePeak", figures.truePeak);
  return object;
}

/** Runs work on the thread pool; resolves with the bytes that it gives. */
class BytesWorker final : public Napi::AsyncWorker {
 public:
  BytesWorker(Napi::Env env, std::function<void(std::vector<uint8_t>&)> work)
      : AsyncWorker(env), deferred_(env), work_(std::move(work)) {}
  static Napi::Value start(Napi::Env env, std::function<void(std::vector<uint8_t>&)> work) {
    auto* worker = new BytesWorker(env, std::move(work));
    const Napi::Promise promise = worker->deferred_.Promise();
    worker->Queue();
    return promise;
  }

 protected:
  void Execute() override {
    try {
      work_(bytes_);
    } catch (const std::exception& error) {
      SetError(error.what());
    }
  }
  void OnOK() override { deferred_.Resolve(Napi::Buffer<uint8_t>::Copy(Env(), bytes_.data(), bytes_.size())); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  const std::function<void(std::vector<uint8_t>&)> work_;
  std::vector<uint8_t> bytes_;
};

Napi::Value oggOpusCreate(const Info& info) {
  const Fields fields(objectArgument(info, 0, "options"), "options");
  OggOpusOptions options{.bitRate = fields.integer("bitRate", 6'000, 256'000),
                         .complexity = fields.integer("complexity", 0, 10),
                         .frameMs = fields.integer("frameMs", 10, 60, 20),
                         .pagePerPacket = fields.boolean("pagePerPacket", false)};
  if (options.frameMs != 10 && options.frameMs % 20 != 0) fields.fail("frameMs", "10, 20, 40 or 60");
  if (fields.has("application"))
    options.application =
        static_cast<OggOpusOptions::Application>(fields.choice("application", {"voip", "audio", "lowdelay"}));
  return OggOpusObject::wrap(
      info.Env(), std::make_shared<OggOpusFile>(fields.integer("sampleRate", 8'000, 48'000),
                                                fields.integer("channels", 1, OggOpusWriter::kMostChannels), options));
}
Napi::Value oggOpusWrite(const Info& info) {
  const auto samples = pcmArgument(info, 1);
  return BytesWorker::start(info.Env(), [file = OggOpusObject::of(info, 0),
                                         pcm = std::vector<int16_t>(samples.begin(), samples.end())](auto& out) {
    const std::lock_guard lock(file->mutex);
    file->writer.write(pcm, out);
  });
}
Napi::Value oggOpusFinish(const Info& info) {
  return BytesWorker::start(info.Env(), [file = OggOpusObject::of(info, 0)](auto& out) {
    const std::lock_guard lock(file->mutex);
    file->writer.finish(out);
  });
}

Napi::Value audioFilterLoad(const Info& info) {
  const std::string path = textArgument(info, 0, "path", kLongestPath);
  std::vector<std::string> dependencies;
  if (info.Length() > 1 && info[1].IsArray()) {
    const auto array = info[1].As<Napi::Array>();
    if (array.Length() > kMostDependencies) throw Napi::RangeError::New(info.Env(), "Expected fewer dependencies");
    for (uint32_t at = 0; at < array.Length(); ++at) dependencies.push_back(array.Get(at).ToString().Utf8Value());
  }
  return PluginObject::wrap(info.Env(), AudioFilterPlugin::load(path, dependencies));
}
Napi::Value audioFilterOnLoad(const Info& info) {
  // A vendor may ask its server there whether it may run.
  return BytesWorker::start(info.Env(), [plugin = PluginObject::of(info, 0),
                                         options = textArgument(info, 1, "options", kLongestJson)](auto&) {
    plugin->onLoad(options);
  });
}
void audioFilterUpdateToken(const Info& info) {
  PluginObject::of(info, 0)->updateToken(textArgument(info, 1, "url", kLongestJson),
                                                            textArgument(info, 2, "token", kLongestJson));
}

Napi::Value number(const Info& info, double value) { return Napi::Number::New(info.Env(), value); }

Napi::Value filterCreateProcessor(const Info& info) {
  const Napi::Object options = objectArgument(info, 0, "options");
  const int delayMs = Fields(options, "options").integer("streamDelayMs", 0, kLongestStreamDelayMs, 0);
  return number(info, engineOf(info).createFilter(std::make_unique<ProcessorFilter>(processorOptionsOf(options), delayMs)));
}
Napi::Value filterCreatePlugin(const Info& info) {
  auto session = PluginObject::of(info, 0)->createSession(
      pcmFormatOf(objectArgument(info, 1, "format"), "format"), textArgument(info, 2, "options", kLongestJson),
      textArgument(info, 3, "streamInfo", kLongestJson));
  if (!session) throw Napi::Error::New(info.Env(), "The audio filter makes no session with these options");
  return number(info, engineOf(info).createFilter(std::move(session)));
}
void filterBind(const Info& info) { engineOf(info).bindFilter(handleArgument(info, 0), handleArgument(info, 1)); }
void filterBindReverse(const Info& info) {
  engineOf(info).bindFilterReverse(handleArgument(info, 0), handleArgument(info, 1));
}

}  // namespace

void registerProcessing(Napi::Env, Napi::Object exports) {
  add<resamplerCreate>(exports, "resamplerCreate");
  add<resamplerPush>(exports, "resamplerPush");
  add<resamplerFlush>(exports, "resamplerFlush");
  add<processorCreate>(exports, "processorCreate");
  add<processorProcess>(exports, "processorProcess");
  add<processorProcessReverse>(exports, "processorProcessReverse");
  add<processorSetStreamDelay>(exports, "processorSetStreamDelay");
  add<limiterCreate>(exports, "limiterCreate");
  add<limiterProcess>(exports, "limiterProcess");
  add<loudnessCreate>(exports, "loudnessCreate");
  add<loudnessAdd>(exports, "loudnessAdd");
  add<loudnessFigures>(exports, "loudnessFigures");
  add<oggOpusCreate>(exports, "oggOpusCreate");
  add<oggOpusWrite>(exports, "oggOpusWrite");
  add<oggOpusFinish>(exports, "oggOpusFinish");
  add<audioFilterLoad>(exports, "audioFilterLoad");
  add<audioFilterOnLoad>(exports, "audioFilterOnLoad");
  add<audioFilterUpdateToken>(exports, "audioFilterUpdateToken");
  add<filterCreateProcessor>(exports, "filterCreateProcessor");
  add<filterCreatePlugin>(exports, "filterCreatePlugin");
  add<filterBind>(exports, "filterBind");
  add<filterBindReverse>(exports, "filterBindReverse");
}

}  // namespace troupe::addon
