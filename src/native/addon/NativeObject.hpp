#pragma once
// C++ objects that JavaScript holds as opaque values and its collector frees.

#include <napi.h>

#include <cstdint>
#include <memory>

namespace troupe::addon {

/** An object of `Type`; `kKind` tells the kinds apart: one of the wrong kind is refused, not misread. */
template <typename Type, uint64_t kKind>
struct NativeObject {
  static constexpr napi_type_tag kTag{0x74'72'6f'75'70'65'00'00, kKind};

  static Napi::Value wrap(Napi::Env env, std::shared_ptr<Type> object) {
    auto value = Napi::External<std::shared_ptr<Type>>::New(
        env, new std::shared_ptr<Type>(std::move(object)),
        [](Napi::Env, std::shared_ptr<Type>* held) { delete held; });
    value.TypeTag(&kTag);
    return value;
  }

  static std::shared_ptr<Type> of(const Napi::CallbackInfo& info, size_t index) {
    if (index < info.Length() && info[index].IsExternal()) {
      const auto value = info[index].As<Napi::External<std::shared_ptr<Type>>>();
      if (value.CheckTypeTag(&kTag)) return *value.Data();
    }
    throw Napi::TypeError::New(info.Env(), "Expected a native object of another kind");
  }
};

}  // namespace troupe::addon
