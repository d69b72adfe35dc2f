#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "AudioFilter.hpp"

namespace troupe {

/**
 * A vendor's filter in a shared library that exports LiveKit's audio filter functions: `audio_filter_on_load`,
 * `_create` or `_create_v2`, `_destroy`, `_process_int16` or `_process_int16_v2`, and, where it has it, `_update_token`.
 * A library once loaded stays: it may have threads of its own.
 */
class AudioFilterPlugin : public std::enable_shared_from_this<AudioFilterPlugin> {
 public:
  /** Loads `dependencies` first. Throws std::runtime_error with what is missing. */
  static std::shared_ptr<AudioFilterPlugin> load(const std::string& path, const std::vector<std::string>& dependencies);
  ~AudioFilterPlugin();
  AudioFilterPlugin(const AudioFilterPlugin&) = delete;
  AudioFilterPlugin& operator=(const AudioFilterPlugin&) = delete;

  /** `options` is JSON: {"url","token"}. Throws std::runtime_error with the code that the library refuses with. */
  void onLoad(const std::string& options) const;
  void updateToken(const std::string& url, const std::string& token) const;

  /** A session for one stream; null when the library makes none. `options` and `streamInfo` are JSON. */
  std::unique_ptr<AudioFilter> createSession(PcmFormat format, const std::string& options, const std::string& streamInfo);

 private:
  friend class AudioFilterSession;

  AudioFilterPlugin() = default;
  void resolve(const std::string& path);

  std::vector<void*> libraries_;
  int32_t (*onLoad_)(const char*) = nullptr;
  void* (*create_)(uint32_t, const char*, const char*) = nullptr;
  void* (*createV2_)(uint32_t, uint32_t, const char*, const char*) = nullptr;
  void (*destroy_)(const void*) = nullptr;
  void (*process_)(const void*, size_t, const int16_t*, int16_t*) = nullptr;
  void (*processV2_)(const void*, size_t, const int16_t*, size_t, int16_t*) = nullptr;
  void (*updateToken_)(const char*, const char*) = nullptr;
};

}  // namespace troupe
