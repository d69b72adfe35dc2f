#pragma once
// What the parts of the glue need of each other: the engine, and the packet seam of a peer by its handle.

#include <napi.h>

#include <cstdint>
#include <memory>

#include "../engine/Engine.hpp"
#include "../engine/PacketPort.hpp"

namespace troupe::addon {

void registerEngine(Napi::Env env, Napi::Object exports);
void registerProcessing(Napi::Env env, Napi::Object exports);
void registerTransport(Napi::Env env, Napi::Object exports);

/** The engine of this environment; throws to JavaScript when it is not running. */
Engine& engineOf(const Napi::CallbackInfo& info);

/** The receiving end of an engine peer; null when there is no such peer in this environment. */
std::shared_ptr<PacketReceiver> enginePeerReceiver(Napi::Env env, uint32_t peer);

/** Gives an engine peer the way out; null detaches. */
void setEnginePeerSender(Napi::Env env, uint32_t peer, std::shared_ptr<PacketSender> sender);

}  // namespace troupe::addon
