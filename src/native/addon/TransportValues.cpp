#include "TransportValues.hpp"

#include <algorithm>
#include <array>

#include "../transport/Certificate.hpp"

namespace troupe::addon {

namespace {

// Nobody sends more in one description; what is beyond is not read.
constexpr uint32_t kMaximumListEntries = 64;

constexpr std::array kSetups = {"actpass", "active", "passive"};
constexpr std::array kStates = {"new", "connecting", "connected", "disconnected", "failed", "closed"};

std::string readText(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
}

double readNumber(const Napi::Object& object, const char* name, double otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : otherwise;
}

bool readFlag(const Napi::Object& object, const char* name, bool otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsBoolean() ? value.As<Napi::Boolean>().Value() : otherwise;
}

template <typename Read>
void readList(const Napi::Object& object, const char* name, Read read) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) return;
  const Napi::Array list = value.As<Napi::Array>();
  const uint32_t count = std::min(list.Length(), kMaximumListEntries);
  for (uint32_t i = 0; i < count; ++i) read(Napi::Value(list[i]));
}

std::vector<std::string> readTexts(const Napi::Object& object, const char* name) {
  std::vector<std::string> texts;
  readList(object, name, [&](Napi::Value value) {
    if (value.IsString()) texts.push_back(value.As<Napi::String>());
  });
  return texts;
}

transport::Setup readSetup(const Napi::Object& object) {
  const std::string text = readText(object, "setup");
  for (size_t i = 0; i < kSetups.size(); ++i) {
    if (text == kSetups[i]) return static_cast<transport::Setup>(i);
  }
  throw Napi::TypeError::New(object.Env(), "Expected actpass, active or passive for setup");
}

Napi::Array writeTexts(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array list = Napi::Array::New(env, texts.size());
  for (size_t i = 0; i < texts.size(); ++i) list.Set(static_cast<uint32_t>(i), texts[i]);
  return list;
}

Napi::Object writeChannel(Napi::Env env, const transport::ChannelStats& channel) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("channel", channel.channel);
  object.Set("label", channel.label);
  object.Set("protocol", channel.protocol);
  object.Set("id", channel.id);
  object.Set("state", channel.state);
  object.Set("messagesSent", static_cast<double>(channel.messagesSent));
  object.Set("messagesReceived", static_cast<double>(channel.messagesReceived));
  object.Set("bytesSent", static_cast<double>(channel.bytesSent));
  object.Set("bytesReceived", static_cast<double>(channel.bytesReceived));
  object.Set("bufferedAmount", static_cast<double>(channel.bufferedAmount));
  return object;
}

void writeTraffic(Napi::Object& object, const transport::Traffic& traffic) {
  object.Set("bytesSent", static_cast<double>(traffic.bytesSent));
  object.Set("bytesReceived", static_cast<double>(traffic.bytesReceived));
  object.Set("packetsSent", static_cast<double>(traffic.packetsSent));
  object.Set("packetsReceived", static_cast<double>(traffic.packetsReceived));
  object.Set("packetsDiscardedOnSend", static_cast<double>(traffic.packetsDiscardedOnSend));
  object.Set("bytesDiscardedOnSend", static_cast<double>(traffic.bytesDiscardedOnSend));
}

Napi::Object writeChecks(Napi::Env env, const transport::PairChecks& checks) {
  constexpr double kSecond = 1e6;
  Napi::Object object = Napi::Object::New(env);
  object.Set("consentRequestsSent", static_cast<double>(checks.consentRequestsSent));
  object.Set("responsesReceived", static_cast<double>(checks.responsesReceived));
  object.Set("totalRoundTripTime", static_cast<double>(checks.totalRoundTripUs) / kSecond);
  object.Set("currentRoundTripTime",
             checks.currentRoundTripUs < 0 ? -1 : static_cast<double>(checks.currentRoundTripUs) / kSecond);
  return object;
}

Napi::Object writeCertificate(Napi::Env env, const transport::CertificateStats& certificate) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("fingerprint", certificate.fingerprint);
  object.Set("fingerprintAlgorithm", certificate.fingerprintAlgorithm);
  object.Set("base64Certificate", certificate.base64Certificate);
  return object;
}

Napi::Array writeCandidates(Napi::Env env, const std::vector<transport::CandidateStats>& candidates) {
  Napi::Array list = Napi::Array::New(env, candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("candidate", candidates[i].candidate);
    object.Set("url", candidates[i].url);
    object.Set("relayProtocol", candidates[i].relayProtocol);
    list.Set(static_cast<uint32_t>(i), object);
  }
  return list;
}

void readCertificate(const Napi::Object& object, transport::TransportOptions& options) {
  const Napi::Value value = object.Get("certificate");
  if (!value.IsObject()) return;
  const Napi::Object pem = value.As<Napi::Object>();
  options.certificate = transport::Certificate::fromPem(readText(pem, "certificate"), readText(pem, "key"));
}

void readFilter(const Napi::Object& object, transport::AddressFilter& filter) {
  const Napi::Value value = object.Get("filter");
  if (!value.IsObject()) return;
  filter.interfaces = readTexts(value.As<Napi::Object>(), "interfaces");
  filter.networks = readTexts(value.As<Napi::Object>(), "networks");
}

int readCodePoint(const Napi::Object& object, const char* name, int otherwise) {
  return static_cast<int>(std::clamp(readNumber(object, name, otherwise), 0.0, 63.0));
}

void readExternalAddresses(const Napi::Object& object, std::map<std::string, std::string>& addresses) {
  const Napi::Value value = object.Get("externalAddresses");
  if (!value.IsObject()) return;
  const Napi::Object map = value.As<Napi::Object>();
  const Napi::Array names = map.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string local = names.Get(i).ToString().Utf8Value();
    addresses[local] = map.Get(local).ToString().Utf8Value();
  }
}

}  // namespace

transport::TransportOptions readOptions(const Napi::Object& object) {
  transport::TransportOptions options;
  options.controlling = readFlag(object, "controlling", false);
  options.relayOnly = object.Get("relayOnly").ToBoolean().Value();
  options.addresses = readTexts(object, "addresses");
  readList(object, "iceServers", [&](Napi::Value value) {
    if (!value.IsObject()) return;
    const Napi::Object server = value.As<Napi::Object>();
    options.iceServers.push_back(
        {readTexts(server, "urls"), readText(server, "username"), readText(server, "credential")});
  });
  readFilter(object, options.filter);
  readExternalAddresses(object, options.externalAddresses);
  options.iceTcp = readFlag(object, "iceTcp", false);
  if (const Napi::Value tls = object.Get("tls"); tls.IsObject()) {
    options.tls.certificateAuthorities = readText(tls.As<Napi::Object>(), "certificateAuthorities");
    options.tls.insecure = readFlag(tls.As<Napi::Object>(), "insecure", false);
  }
  if (const Napi::Value dscp = object.Get("dscp"); dscp.IsObject()) {
    options.dscp.audio = readCodePoint(dscp.As<Napi::Object>(), "audio", options.dscp.audio);
    options.dscp.video = readCodePoint(dscp.As<Napi::Object>(), "video", options.dscp.video);
    options.dscp.data = readCodePoint(dscp.As<Napi::Object>(), "data", options.dscp.data);
  }
  readCertificate(object, options);
  std::array<uint16_t, 2> range{};
  size_t index = 0;
  readList(object, "portRange", [&](Napi::Value value) {
    if (index < range.size() && value.IsNumber()) {
      range[index++] = static_cast<uint16_t>(value.As<Napi::Number>().Uint32Value());
    }
  });
  options.minimumPort = range[0];
  options.maximumPort = std::max(range[0], range[1]);
  return options;
}

Napi::Value writeCertificateFault(Napi::Env env, const Napi::Object& pem) {
  const auto fault = transport::Certificate::faultOf(readText(pem, "certificate"), readText(pem, "key"));
  if (!fault) return env.Undefined();
  Napi::Object object = Napi::Object::New(env);
  object.Set("field", fault->field);
  object.Set("expected", fault->expected);
  return object;
}

transport::TransportParameters readParameters(const Napi::Object& object) {
  transport::TransportParameters parameters;
  parameters.iceUfrag = readText(object, "iceUfrag");
  parameters.icePwd = readText(object, "icePwd");
  parameters.iceLite = readFlag(object, "iceLite", false);
  parameters.setup = readSetup(object);
  const Napi::Value fingerprint = object.Get("fingerprint");
  if (fingerprint.IsObject()) {
    parameters.fingerprintAlgorithm = readText(fingerprint.As<Napi::Object>(), "algorithm");
    parameters.fingerprint = readText(fingerprint.As<Napi::Object>(), "value");
  }
  parameters.candidates = readTexts(object, "candidates");
  parameters.maxMessageSize = static_cast<size_t>(std::clamp(readNumber(object, "maxMessageSize", 0), 0.0, 1e9));
  parameters.sctpPort = static_cast<uint16_t>(std::clamp(readNumber(object, "sctpPort", 5000), 1.0, 65535.0));
  return parameters;
}

transport::ChannelOptions readChannelOptions(const Napi::Object& object) {
  transport::ChannelOptions options;
  options.ordered = readFlag(object, "ordered", true);
  options.maxRetransmits = static_cast<int>(std::clamp(readNumber(object, "maxRetransmits", -1), -1.0, 65535.0));
  options.maxPacketLifeTimeMs =
      static_cast<int>(std::clamp(readNumber(object, "maxPacketLifeTime", -1), -1.0, 65535.0));
  options.protocol = readText(object, "protocol");
  options.id = static_cast<int>(std::clamp(readNumber(object, "id", -1), -1.0, 65535.0));
  return options;
}

Napi::Object writeParameters(Napi::Env env, const transport::TransportParameters& parameters) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("iceUfrag", parameters.iceUfrag);
  object.Set("icePwd", parameters.icePwd);
  object.Set("iceLite", parameters.iceLite);
  object.Set("setup", kSetups[static_cast<size_t>(parameters.setup)]);
  Napi::Object fingerprint = Napi::Object::New(env);
  fingerprint.Set("algorithm", parameters.fingerprintAlgorithm);
  fingerprint.Set("value", parameters.fingerprint);
  object.Set("fingerprint", fingerprint);
  object.Set("candidates", writeTexts(env, parameters.candidates));
  object.Set("maxMessageSize", static_cast<double>(parameters.maxMessageSize));
  object.Set("sctpPort", parameters.sctpPort);
  return object;
}

Napi::Object writeStats(Napi::Env env, const transport::TransportStats& stats) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("state", kStates[static_cast<size_t>(stats.state)]);
  object.Set("iceState", stats.iceState);
  object.Set("iceRole", stats.iceRole);
  object.Set("iceLocalUsernameFragment", stats.iceLocalUsernameFragment);
  object.Set("iceRemoteUsernameFragment", stats.iceRemoteUsernameFragment);
  object.Set("dtlsState", stats.dtlsState);
  object.Set("dtlsRole", stats.dtlsRole);
  object.Set("srtpCipher", stats.srtpCipher);
  object.Set("dtlsCipher", stats.dtlsCipher);
  object.Set("tlsVersion", stats.tlsVersion);
  object.Set("localCertificate", writeCertificate(env, stats.localCertificate));
  object.Set("remoteCertificate", writeCertificate(env, stats.remoteCertificate));
  writeTraffic(object, stats.traffic);
  Napi::Object pair = Napi::Object::New(env);
  writeTraffic(pair, stats.pairTraffic);
  pair.Set("checks", writeChecks(env, stats.pairChecks));
  object.Set("pair", pair);
  object.Set("selectedCandidatePairChanges", stats.selectedCandidatePairChanges);
  object.Set("sinceLastPacketMs", static_cast<double>(stats.sinceLastPacketMs));
  object.Set("sinceLastSentPacketMs", static_cast<double>(stats.sinceLastSentPacketMs));
  object.Set("localCandidate", stats.localCandidate);
  object.Set("remoteCandidate", stats.remoteCandidate);
  object.Set("localCandidateUfrag", stats.localCandidateUfrag);
  object.Set("remoteCandidateUfrag", stats.remoteCandidateUfrag);
  object.Set("localCandidates", writeCandidates(env, stats.localCandidates));
  object.Set("remoteCandidates", writeCandidates(env, stats.remoteCandidates));
  object.Set("dataChannelsOpened", stats.dataChannelsOpened);
  object.Set("dataChannelsClosed", stats.dataChannelsClosed);
  Napi::Object drops = Napi::Object::New(env);
  for (const auto& [reason, count] : stats.drops) drops.Set(reason, static_cast<double>(count));
  object.Set("drops", drops);
  Napi::Array channels = Napi::Array::New(env, stats.channels.size());
  for (size_t i = 0; i < stats.channels.size(); ++i) {
    channels.Set(static_cast<uint32_t>(i), writeChannel(env, stats.channels[i]));
  }
  object.Set("channels", channels);
  return object;
}

}  // namespace troupe::addon
