#pragma once
// Takes arguments and option objects apart; what is of the wrong type or out of range throws to JavaScript.

#include <napi.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::addon {

/** A handle: a whole number from 0 on. */
uint32_t handleArgument(const Napi::CallbackInfo& info, size_t index);
double numberArgument(const Napi::CallbackInfo& info, size_t index, const char* name, double lowest, double highest);
Napi::Object objectArgument(const Napi::CallbackInfo& info, size_t index, const char* name);

/** A view of a Uint8Array, valid until JavaScript runs. */
std::span<const uint8_t> bytesOf(const Napi::Value& value, const char* name);

/** Reads the fields of an option object. */
class Fields {
 public:
  Fields(Napi::Object object, const char* what) : object_(object), what_(what) {}

  bool has(const char* name) const;
  double number(const char* name, double lowest, double highest) const;
  double number(const char* name, double lowest, double highest, double otherwise) const;
  int integer(const char* name, int lowest, int highest) const;
  int integer(const char* name, int lowest, int highest, int otherwise) const;
  uint32_t ssrc(const char* name) const;
  bool boolean(const char* name, bool otherwise) const;
  std::string text(const char* name, size_t longest) const;
  /** The place of the text among `choices`. */
  size_t choice(const char* name, std::initializer_list<std::string_view> choices) const;
  Napi::Object object(const char* name) const;
  Napi::Array array(const char* name, uint32_t longest) const;

  [[noreturn]] void fail(const char* name, const std::string& expected) const;

 private:
  Napi::Value get(const char* name) const { return object_.Get(name); }

  const Napi::Object object_;
  const char* const what_;
};

}  // namespace troupe::addon
