#include "EngineStatistics.hpp"

namespace troupe::addon {

namespace {

class Writer {
 public:
  explicit Writer(Napi::Env env) : env_(env), object_(Napi::Object::New(env)) {}

  template <typename Number>
  Writer& set(const char* name, Number value) {
    object_.Set(name, Napi::Number::New(env_, static_cast<double>(value)));
    return *this;
  }
  Writer& text(const char* name, const std::string& value) {
    object_.Set(name, Napi::String::New(env_, value));
    return *this;
  }
  Napi::Object object() const { return object_; }

 private:
  const Napi::Env env_;
  const Napi::Object object_;
};

const char* kindName(MediaKind kind) { return kind == MediaKind::audio ? "audio" : "video"; }

Napi::Object inboundObject(Napi::Env env, const InboundStats& stats) {
  return Writer(env)
      .set("receiver", stats.receiver)
      .set("ssrc", stats.ssrc)
      .text("kind", kindName(stats.kind))
      .text("mid", stats.mid)
      .text("rid", stats.rid)
      .set("payloadType", stats.payloadType)
      .set("packetsReceived", stats.packetsReceived)
      .set("bytesReceived", stats.bytesReceived)
      .set("headerBytesReceived", stats.headerBytesReceived)
      .set("packetsLost", stats.packetsLost)
      .set("packetsDiscarded", stats.packetsDiscarded)
      .set("packetsDuplicated", stats.packetsDuplicated)
      .set("jitter", stats.jitter)
      .set("jitterBufferDelay", stats.jitterBufferDelay)
      .set("jitterBufferTargetDelay", stats.jitterBufferTargetDelay)
      .set("jitterBufferMinimumDelay", stats.jitterBufferMinimumDelay)
      .set("jitterBufferEmittedCount", stats.jitterBufferEmittedCount)
      .set("totalSamplesReceived", stats.totalSamplesReceived)
      .set("concealedSamples", stats.concealedSamples)
      .set("silentConcealedSamples", stats.silentConcealedSamples)
      .set("concealmentEvents", stats.concealmentEvents)
      .set("insertedSamplesForDeceleration", stats.insertedSamplesForDeceleration)
      .set("removedSamplesForAcceleration", stats.removedSamplesForAcceleration)
      .set("nackCount", stats.nackCount)
      .set("pliCount", stats.pliCount)
      .set("fecPacketsReceived", stats.fecPacketsReceived)
      .set("fecPacketsDiscarded", stats.fecPacketsDiscarded)
      .set("retransmittedPacketsReceived", stats.retransmittedPacketsReceived)
      .set("retransmittedBytesReceived", stats.retransmittedBytesReceived)
      .set("audioLevel", stats.audioLevel)
      .set("totalAudioEnergy", stats.totalAudioEnergy)
      .set("totalSamplesDuration", stats.totalSamplesDuration)
      .set("lastPacketReceivedTimestamp", static_cast<double>(stats.lastPacketUs) / 1000)
      .object();
}

Napi::Object outboundObject(Napi::Env env, const OutboundStats& stats) {
  return Writer(env)
      .set("sender", stats.sender)
      .set("ssrc", stats.ssrc)
      .text("kind", kindName(stats.kind))
      .text("mid", stats.mid)
      .set("payloadType", stats.payloadType)
      .set("packetsSent", stats.packetsSent)
      .set("bytesSent", stats.bytesSent)
      .set("headerBytesSent", stats.headerBytesSent)
      .set("retransmittedPacketsSent", stats.retransmittedPacketsSent)
      .set("retransmittedBytesSent", stats.retransmittedBytesSent)
      .set("lastPacketSentTimestamp", static_cast<double>(stats.lastPacketSentUs) / 1000)
      .set("nackCount", stats.nackCount)
      .set("pliCount", stats.pliCount)
      .set("roundTripTime", stats.roundTripTime)
      .set("remoteFractionLost", stats.remoteFractionLost)
      .set("remotePacketsLost", stats.remotePacketsLost)
      .set("remoteJitter", stats.remoteJitter)
      .object();
}

}  // namespace

Napi::Object engineStatsObject(Napi::Env env, const Engine::Stats& stats) {
  Writer handles(env);
  for (const auto& [kind, count] : stats.handles) handles.set(kind.c_str(), count);
  const auto late = Writer(env)
                        .set("p50", stats.scheduler.late.p50Ms)
                        .set("p99", stats.scheduler.late.p99Ms)
                        .set("maximum", stats.scheduler.late.maximumMs)
                        .object();
  auto object = Writer(env)
                    .set("ticks", stats.scheduler.ticks)
                    .set("skippedTicks", stats.scheduler.skippedTicks)
                    .set("codecThreadCpuMs", stats.scheduler.codecThreadCpuMs)
                    .set("clockThreadCpuMs", stats.scheduler.clockThreadCpuMs)
                    .set("batches", stats.batches.batches)
                    .set("batchesDropped", stats.batches.batchesDropped)
                    .set("framesDropped", stats.batches.framesDropped)
                    .set("eventsDropped", stats.batches.eventsDropped)
                    .object();
  object.Set("clockLateMs", late);
  object.Set("handles", handles.object());
  return object;
}

Napi::Object frameTransformObject(Napi::Env env, const FrameTransformCounts& counts) {
  return Writer(env)
      .set("frames", counts.frames)
      .set("passed", counts.passed)
      .set("dropped", counts.dropped)
      .set("late", counts.late)
      .set("waiting", counts.waiting)
      .object();
}

Napi::Object peerStatsObject(Napi::Env env, const Engine::PeerStats& stats) {
  auto inbound = Napi::Array::New(env, stats.inbound.size());
  for (uint32_t at = 0; at < stats.inbound.size(); ++at) inbound.Set(at, inboundObject(env, stats.inbound[at]));
  auto outbound = Napi::Array::New(env, stats.outbound.size());
  for (uint32_t at = 0; at < stats.outbound.size(); ++at) outbound.Set(at, outboundObject(env, stats.outbound[at]));
  Writer drops(env);
  stats.drops->forEach([&](const char* name, uint64_t count) { drops.set(name, count); });
  auto object = Napi::Object::New(env);
  object.Set("inbound", inbound);
  object.Set("outbound", outbound);
  object.Set("drops", drops.object());
  object.Set("transportFeedback", Writer(env)
                                      .set("messagesSent", stats.transportFeedback.messagesSent)
                                      .set("messagesReceived", stats.transportFeedback.messagesReceived)
                                      .set("packetsReported", stats.transportFeedback.packetsReported)
                                      .set("packetsReportedLost", stats.transportFeedback.packetsReportedLost)
                                      .object());
  return object;
}

}  // namespace troupe::addon
