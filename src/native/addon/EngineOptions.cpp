#include "EngineOptions.hpp"

#include <string>

#include "../engine/LayerSelector.hpp"
#include "../engine/RedundancyEncoder.hpp"
#include "Arguments.hpp"

namespace troupe::addon {

namespace {

constexpr size_t kLongestMid = 64;
constexpr size_t kLongestCname = 255;
constexpr size_t kLongestCodecName = 32;
constexpr uint32_t kMostSsrcs = 64;
constexpr uint32_t kMostCodecs = 128;
constexpr int kHighestPayloadType = 127;
/** Ids of the two-byte form (RFC 8285). */
constexpr int kHighestExtensionId = 255;
constexpr uint32_t kMostEncodedFrames = 1'000'000;
constexpr size_t kLongestEncodedFrame = kMaximumOwnFrameBytes;
constexpr int kMostPacketsLate = 1000;
constexpr int kMostClearBytes = 64;
constexpr int kLongestDelayMs = 10'000;
constexpr int kMostBitRate = 1'000'000'000;

uint8_t payloadTypeOf(const Fields& fields) {
  return static_cast<uint8_t>(fields.integer("payloadType", 0, kHighestPayloadType));
}

CodecParameters codecOf(Napi::Object object, const char* what) {
  const Fields fields(object, what);
  CodecParameters codec;
  codec.payloadType = payloadTypeOf(fields);
  codec.name = fields.text("name", kLongestCodecName);
  codec.clockRate = static_cast<uint32_t>(fields.integer("clockRate", 1000, 1'000'000));
  codec.channels = fields.integer("channels", 1, 8, 1);
  codec.associatedPayloadType = fields.integer("associatedPayloadType", 0, kHighestPayloadType, -1);
  return codec;
}

std::vector<std::pair<uint32_t, uint32_t>> ssrcPairsOf(const Fields& fields, const char* name) {
  const Napi::Array pairs = fields.array(name, kMostSsrcs);
  std::vector<std::pair<uint32_t, uint32_t>> result;
  for (uint32_t at = 0; at < pairs.Length(); ++at) {
    const Napi::Value value = pairs.Get(at);
    if (!value.IsArray()) fields.fail(name, "an array of pairs of SSRCs");
    const Fields pair(value.As<Napi::Array>(), name);
    result.emplace_back(pair.ssrc("0"), pair.ssrc("1"));
  }
  return result;
}

/** An array of pairs of payload types. */
std::vector<std::pair<uint8_t, uint8_t>> payloadTypePairsOf(const Fields& fields, const char* name) {
  const Napi::Array pairs = fields.array(name, kMostCodecs);
  std::vector<std::pair<uint8_t, uint8_t>> result;
  for (uint32_t at = 0; at < pairs.Length(); ++at) {
    const Napi::Value value = pairs.Get(at);
    if (!value.IsArray()) fields.fail(name, "an array of pairs");
    const Fields types(value.As<Napi::Array>(), name);
    result.emplace_back(static_cast<uint8_t>(types.integer("0", 0, kHighestPayloadType)),
                        static_cast<uint8_t>(types.integer("1", 0, kHighestPayloadType)));
  }
  return result;
}

MediaKind kindOf(const Fields& fields) {
  return fields.choice("kind", {"audio", "video"}) == 0 ? MediaKind::audio : MediaKind::video;
}

}  // namespace

PcmFormat pcmFormatOf(Napi::Object object, const char* what) {
  const Fields fields(object, what);
  PcmFormat format;
  format.rateHz = fields.integer("sampleRate", 0, 1'000'000);
  if (!isPcmRate(format.rateHz)) fields.fail("sampleRate", "8000, 12000, 16000, 24000, 44100 or 48000");
  format.channels = fields.integer("channels", 1, kMaximumChannels);
  return format;
}

HeaderExtensionIds headerExtensionIdsOf(Napi::Object object) {
  const Fields fields(object, "ids");
  const auto id = [&](const char* name) { return static_cast<uint8_t>(fields.integer(name, 0, kHighestExtensionId, 0)); };
  HeaderExtensionIds ids;
  ids.mid = id("mid");
  ids.rid = id("rid");
  ids.audioLevel = id("audioLevel");
  ids.absoluteSendTime = id("absoluteSendTime");
  ids.transportSequenceNumber = id("transportSequenceNumber");
  ids.repairedRid = id("repairedRid");
  return ids;
}

ReceiverOptions receiverOptionsOf(Napi::Object object) {
  const Fields fields(object, "options");
  ReceiverOptions options;
  options.kind = kindOf(fields);
  options.mid = fields.text("mid", kLongestMid);
  const Napi::Array ssrcs = fields.array("ssrcs", kMostSsrcs);
  for (uint32_t at = 0; at < ssrcs.Length(); ++at) {
    const Napi::Value value = ssrcs.Get(at);
    if (!value.IsNumber()) fields.fail("ssrcs", "an array of numbers");
    options.ssrcs.push_back(value.As<Napi::Number>().Uint32Value());
  }
  const Napi::Array codecs = fields.array("codecs", kMostCodecs);
  for (uint32_t at = 0; at < codecs.Length(); ++at) {
    const Napi::Value value = codecs.Get(at);
    if (!value.IsObject()) fields.fail("codecs", "an array of objects");
    options.codecs.push_back(codecOf(value.As<Napi::Object>(), "options.codecs"));
  }
  options.nack = fields.boolean("nack", false);
  if (fields.has("retransmissionSsrcs")) options.retransmissionSsrcs = ssrcPairsOf(fields, "retransmissionSsrcs");
  options.minimumDelayMs = fields.integer("minimumDelayMs", 0, kLongestDelayMs, options.minimumDelayMs);
  options.maximumDelayMs = fields.integer("maximumDelayMs", options.minimumDelayMs, kLongestDelayMs,
                                          std::max(options.maximumDelayMs, options.minimumDelayMs));
  options.maximumBitRate = static_cast<uint64_t>(fields.integer("maximumBitRate", 0, kMostBitRate, 0));
  return options;
}

SenderOptions senderOptionsOf(Napi::Object object) {
  const Fields fields(object, "options");
  SenderOptions options;
  options.kind = kindOf(fields);
  options.mid = fields.text("mid", kLongestMid);
  options.ssrc = fields.ssrc("ssrc");
  options.cname = fields.text("cname", kLongestCname);
  options.codec = codecOf(fields.object("codec"), "options.codec");
  if (fields.has("opus")) options.opus = opusParametersOf(fields.object("opus"), options.opus);
  options.nack = fields.boolean("nack", false);
  options.hangoverMs = fields.integer("hangoverMs", 0, 3'600'000, options.hangoverMs);
  if (fields.has("retransmission")) {
    const Fields repair(fields.object("retransmission"), "options.retransmission");
    options.retransmission = {repair.ssrc("ssrc"), payloadTypeOf(repair)};
  }
  if (fields.has("redundancy")) {
    const Fields red(fields.object("redundancy"), "options.redundancy");
    options.redundancy = {payloadTypeOf(red), red.integer("distance", 1, RedundancyEncoder::kMaximumDistance)};
  }
  return options;
}

OpusParameters opusParametersOf(Napi::Object object, OpusParameters base) {
  const Fields fields(object, "opus");
  base.bitRate = fields.integer("bitRate", 6'000, 510'000, base.bitRate);
  base.complexity = fields.integer("complexity", 0, 10, base.complexity);
  if (fields.has("application")) {
    const size_t place = fields.choice("application", {"voip", "audio", "lowdelay"});
    base.application = static_cast<OpusParameters::Application>(place);
  }
  base.fec = fields.boolean("fec", base.fec);
  base.expectedLossPercent = fields.integer("expectedLossPercent", 0, 100, base.expectedLossPercent);
  base.dtx = fields.boolean("dtx", base.dtx);
  base.channels = fields.integer("channels", 1, kMaximumChannels, base.channels);
  base.frameMs = fields.integer("frameMs", 10, 60, base.frameMs);
  base.maxPlaybackRateHz = fields.integer("maxPlaybackRate", 8'000, kMaximumRateHz, base.maxPlaybackRateHz);
  base.cbr = fields.boolean("cbr", base.cbr);
  if (base.frameMs != 10 && base.frameMs % 20 != 0) fields.fail("frameMs", "10, 20, 40 or 60");
  return base;
}

ForwardingOptions forwardingOptionsOf(Napi::Object object) {
  const Fields fields(object, "options");
  ForwardingOptions options;
  options.mid = fields.text("mid", kLongestMid);
  options.ssrc = fields.ssrc("ssrc");
  options.cname = fields.text("cname", kLongestCname);
  options.nack = fields.boolean("nack", false);
  options.payloadTypes = payloadTypePairsOf(fields, "payloadTypes");
  if (fields.has("retransmission")) {
    const Fields repair(fields.object("retransmission"), "options.retransmission");
    options.retransmissionSsrc = repair.ssrc("ssrc");
    options.retransmissionPayloadTypes = payloadTypePairsOf(repair, "payloadTypes");
  }
  if (fields.has("layer")) options.layer = fields.text("layer", LayerSelector::kLongestRid);
  return options;
}

WireImpairment wireImpairmentOf(Napi::Object object) {
  const Fields fields(object, "impairment");
  WireImpairment impairment;
  impairment.lossPercent = fields.integer("lossPercent", 0, 100, 0);
  impairment.maximumPacketsLate = fields.integer("maximumPacketsLate", 0, kMostPacketsLate, 0);
  impairment.seed = static_cast<uint32_t>(fields.integer("seed", 0, 0x7fff'ffff, 1));
  return impairment;
}

FrameCryptorOptions frameCryptorOptionsOf(Napi::Object object) {
  const Fields fields(object, "options");
  FrameCryptorOptions options;
  options.direction = fields.choice("direction", {"encrypt", "decrypt"}) == 0 ? FrameCryptorOptions::Direction::encrypt
                                                                               : FrameCryptorOptions::Direction::decrypt;
  options.clearBytes = static_cast<size_t>(fields.integer("clearBytes", 0, kMostClearBytes));
  options.keyRingSize = static_cast<size_t>(
      fields.integer("keyRingSize", 1, static_cast<int>(FrameCryptor::kMaximumKeyRingSize)));
  options.failureTolerance = fields.integer("failureTolerance", -1, 1'000'000);
  const auto trailer = bytesOf(object.Get("serverTrailer"), "options.serverTrailer");
  if (trailer.size() > FrameCryptor::kMaximumServerTrailerBytes) fields.fail("serverTrailer", "at most 64 bytes");
  options.serverTrailer.assign(trailer.begin(), trailer.end());
  return options;
}

EncodedSource::Options encodedSourceOptionsOf(Napi::Object object) {
  const Fields fields(object, "options");
  EncodedSource::Options options;
  options.frameMs = fields.integer("frameMs", 10, 120);
  if (options.frameMs % kTickMs != 0) fields.fail("frameMs", "a multiple of 10");
  options.loop = fields.boolean("loop", false);
  const Napi::Array frames = fields.array("frames", kMostEncodedFrames);
  options.frames.reserve(frames.Length());
  for (uint32_t at = 0; at < frames.Length(); ++at) {
    const Napi::HandleScope scope(object.Env());
    const Napi::Value value = frames.Get(at);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
      fields.fail("frames", "an array of Uint8Array");
    const auto frame = value.As<Napi::Uint8Array>();
    if (frame.ByteLength() == 0 || frame.ByteLength() > kLongestEncodedFrame)
      fields.fail("frames", "frames of 1 to " + std::to_string(kLongestEncodedFrame) + " bytes");
    options.frames.emplace_back(frame.Data(), frame.Data() + frame.ByteLength());
  }
  return options;
}

}  // namespace troupe::addon
