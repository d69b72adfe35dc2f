#pragma once
// JavaScript objects of the transport's calls, read into and written from its own types.

#include <napi.h>

#include "../transport/Statistics.hpp"

namespace troupe::addon {

transport::TransportOptions readOptions(const Napi::Object& object);
transport::TransportParameters readParameters(const Napi::Object& object);
transport::ChannelOptions readChannelOptions(const Napi::Object& object);
/** Undefined where nothing is wrong with a certificate and its key. */
Napi::Value writeCertificateFault(Napi::Env env, const Napi::Object& pem);
Napi::Object writeParameters(Napi::Env env, const transport::TransportParameters& parameters);
Napi::Object writeStats(Napi::Env env, const transport::TransportStats& stats);

}  // namespace troupe::addon
