#include "OpusEncoding.hpp"

#include <array>
#include <span>

#include "../engine/OpusAudioEncoder.hpp"
#include "Arguments.hpp"
#include "EngineOptions.hpp"

namespace troupe::addon {

namespace {
/** An Opus packet of one frame is never larger (RFC 6716, section 3.2.1). */
constexpr size_t kMaximumPacketBytes = 1276;
constexpr int kLowestRateHz = 8'000;
constexpr int kHighestRateHz = 48'000;
}  // namespace

Napi::Value encodeOpus(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_int16_array)
    throw Napi::TypeError::New(env, "Expected an Int16Array for pcm");
  const auto pcm = info[0].As<Napi::Int16Array>();
  const Napi::Object options = objectArgument(info, 1, "options");
  const int rateHz = Fields(options, "options").integer("sampleRate", kLowestRateHz, kHighestRateHz);
  if (rateHz != 8'000 && rateHz != 12'000 && rateHz != 16'000 && rateHz != 24'000 && rateHz != 48'000)
    throw Napi::RangeError::New(env, "Expected 8000, 12000, 16000, 24000 or 48000 for options.sampleRate");
  const OpusParameters parameters = opusParametersOf(options, {});

  OpusAudioEncoder encoder(rateHz, parameters);
  const size_t step = static_cast<size_t>(rateHz) / 1000 * parameters.frameMs * parameters.channels;
  std::array<uint8_t, kMaximumPacketBytes> packet;
  Napi::Array packets = Napi::Array::New(env);
  for (size_t at = 0; at + step <= pcm.ElementLength(); at += step) {
    const size_t size = encoder.encode({pcm.Data() + at, step}, packet);
    if (size == 0) throw Napi::Error::New(env, "Opus refused a frame");
    packets.Set(packets.Length(), Napi::Buffer<uint8_t>::Copy(env, packet.data(), size));
  }
  return packets;
}

}  // namespace troupe::addon
