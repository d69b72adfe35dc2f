#include "Arguments.hpp"

#include <cmath>
#include <limits>

namespace troupe::addon {

namespace {

constexpr double kHighestSsrc = std::numeric_limits<uint32_t>::max();

std::string rangeText(double lowest, double highest) {
  const auto text = [](double value) {
    return value == std::floor(value) && std::abs(value) < 1e15 ? std::to_string(static_cast<int64_t>(value))
                                                                : std::to_string(value);
  };
  return "a number from " + text(lowest) + " to " + text(highest);
}

}  // namespace

uint32_t handleArgument(const Napi::CallbackInfo& info, size_t index) {
  const double value = numberArgument(info, index, "handle", 0, kHighestSsrc);
  return static_cast<uint32_t>(value);
}

double numberArgument(const Napi::CallbackInfo& info, size_t index, const char* name, double lowest, double highest) {
  if (index >= info.Length() || !info[index].IsNumber())
    throw Napi::TypeError::New(info.Env(), "Expected a number for " + std::string(name));
  const double value = info[index].As<Napi::Number>().DoubleValue();
  if (!(value >= lowest && value <= highest))
    throw Napi::RangeError::New(info.Env(), "Expected " + rangeText(lowest, highest) + " for " + name);
  return value;
}

Napi::Object objectArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (index >= info.Length() || !info[index].IsObject())
    throw Napi::TypeError::New(info.Env(), "Expected an object for " + std::string(name));
  return info[index].As<Napi::Object>();
}

void Fields::fail(const char* name, const std::string& expected) const {
  const std::string message = "Expected " + expected + " for " + what_ + "." + name;
  throw Napi::TypeError::New(object_.Env(), message);
}

std::span<const uint8_t> bytesOf(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(value.Env(), std::string("Expected a Uint8Array for ") + name);
  const auto bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.ByteLength()};
}

bool Fields::has(const char* name) const {
  const Napi::Value value = get(name);
  return !value.IsUndefined() && !value.IsNull();
}

double Fields::number(const char* name, double lowest, double highest) const {
  const Napi::Value value = get(name);
  if (!value.IsNumber()) fail(name, rangeText(lowest, highest));
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= lowest && number <= highest))
    throw Napi::RangeError::New(object_.Env(),
                                "Expected " + rangeText(lowest, highest) + " for " + what_ + "." + name);
  return number;
}

double Fields::number(const char* name, double lowest, double highest, double otherwise) const {
  return has(name) ? number(name, lowest, highest) : otherwise;
}

int Fields::integer(const char* name, int lowest, int highest) const {
  return static_cast<int>(number(name, lowest, highest));
}

int Fields::integer(const char* name, int lowest, int highest, int otherwise) const {
  return has(name) ? integer(name, lowest, highest) : otherwise;
}

uint32_t Fields::ssrc(const char* name) const { return static_cast<uint32_t>(number(name, 0, kHighestSsrc)); }

bool Fields::boolean(const char* name, bool otherwise) const {
  if (!has(name)) return otherwise;
  const Napi::Value value = get(name);
  if (!value.IsBoolean()) fail(name, "true or false");
  return value.As<Napi::Boolean>().Value();
}

std::string Fields::text(const char* name, size_t longest) const {
  const Napi::Value value = get(name);
  if (!value.IsString()) fail(name, "a text");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.size() > longest) fail(name, "a text of at most " + std::to_string(longest) + " bytes");
  return text;
}

size_t Fields::choice(const char* name, std::initializer_list<std::string_view> choices) const {
  const Napi::Value value = get(name);
  const std::string text = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  size_t place = 0;
  std::string all;
  for (const std::string_view option : choices) {
    if (option == text) return place;
    all += (place > 0 ? " or " : "") + std::string(option);
    ++place;
  }
  fail(name, all);
}

Napi::Object Fields::object(const char* name) const {
  const Napi::Value value = get(name);
  if (!value.IsObject()) fail(name, "an object");
  return value.As<Napi::Object>();
}

Napi::Array Fields::array(const char* name, uint32_t longest) const {
  const Napi::Value value = get(name);
  if (!value.IsArray()) fail(name, "an array");
  const auto array = value.As<Napi::Array>();
  if (array.Length() > longest) fail(name, "an array of at most " + std::to_string(longest));
  return array;
}

}  // namespace troupe::addon
