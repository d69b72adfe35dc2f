#include <napi.h>

#include "AddonState.hpp"
#include "EngineAccess.hpp"

namespace troupe::addon {

namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonState());
  registerEngine(env, exports);
  registerProcessing(env, exports);
#ifdef TROUPE_WITH_TRANSPORT
  registerTransport(env, exports);
#endif
  return exports;
}

}  // namespace

NODE_API_MODULE(troupe, initialize)

}  // namespace troupe::addon
