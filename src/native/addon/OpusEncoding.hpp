#pragma once

#include <napi.h>

namespace troupe::addon {

/** encodeOpus(pcm, options): the Opus packets of a recording, on the calling thread. */
Napi::Value encodeOpus(const Napi::CallbackInfo& info);

}  // namespace troupe::addon
