#pragma once
// What the transport's glue needs of the engine's: the packet seam of a peer by its handle.

#include <napi.h>

#include <cstdint>
#include <memory>

#include "../engine/PacketPort.hpp"

namespace troupe::addon {

void registerEngine(Napi::Env env, Napi::Object exports);
void registerTransport(Napi::Env env, Napi::Object exports);

/** The receiving end of an engine peer; null when there is no such peer in this environment. */
std::shared_ptr<PacketReceiver> enginePeerReceiver(Napi::Env env, uint32_t peer);

/** Gives an engine peer the way out; null detaches. */
void setEnginePeerSender(Napi::Env env, uint32_t peer, std::shared_ptr<PacketSender> sender);

}  // namespace troupe::addon
