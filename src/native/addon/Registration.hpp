#pragma once

#include <napi.h>

#include <exception>
#include <type_traits>

namespace troupe::addon {

/** Runs `function`; what C++ throws becomes an error of JavaScript. */
template <auto function>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    if constexpr (std::is_void_v<decltype(function(info))>) {
      function(info);
      return info.Env().Undefined();
    } else {
      return function(info);
    }
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

template <auto function>
void add(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<guarded<function>>(exports.Env(), name));
}

}  // namespace troupe::addon
