#pragma once

#include <napi.h>

#include <memory>

#include "EngineHost.hpp"

namespace troupe::addon {

/** What the addon keeps for one Node environment. */
struct AddonState {
  std::shared_ptr<EngineHost> engine;

  static AddonState& of(Napi::Env env) { return *env.GetInstanceData<AddonState>(); }
};

}  // namespace troupe::addon
