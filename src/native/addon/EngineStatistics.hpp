#pragma once
// The engine's figures: from C++ to JavaScript.

#include <napi.h>

#include "../engine/Engine.hpp"

namespace troupe::addon {

Napi::Object engineStatsObject(Napi::Env env, const Engine::Stats& stats);
Napi::Object frameTransformObject(Napi::Env env, const FrameTransformCounts& counts);
Napi::Object peerStatsObject(Napi::Env env, const Engine::PeerStats& stats);

}  // namespace troupe::addon
