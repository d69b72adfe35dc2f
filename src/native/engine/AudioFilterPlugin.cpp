#include "AudioFilterPlugin.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace troupe {

namespace {

void* openLibrary(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library != nullptr) return library;
  const char* reason = dlerror();
  throw std::runtime_error("The audio filter can not be loaded: " + std::string(reason != nullptr ? reason : path));
}

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace

/** One stream through a plugin. */
class AudioFilterSession final : public AudioFilter {
 public:
  AudioFilterSession(std::shared_ptr<const AudioFilterPlugin> plugin, PcmFormat format, void* session)
      : plugin_(std::move(plugin)), format_(format), session_(session) {}
  ~AudioFilterSession() override { plugin_->destroy_(session_); }

  PcmFormat formatFor(PcmFormat) const override { return format_; }

  void process(PcmFrame& frame) override {
    const size_t samples = frame.format.samples();
    if (plugin_->processV2_ != nullptr)
      plugin_->processV2_(session_, samples, frame.samples.data(), samples, out_.data());
    else plugin_->process_(session_, samples, frame.samples.data(), out_.data());
    std::copy_n(out_.begin(), samples, frame.samples.begin());
  }

 private:
  const std::shared_ptr<const AudioFilterPlugin> plugin_;
  const PcmFormat format_;
  void* const session_;
  std::array<int16_t, kMaximumFrameSamples> out_{};
};

std::shared_ptr<AudioFilterPlugin> AudioFilterPlugin::load(const std::string& path,
                                                           const std::vector<std::string>& dependencies) {
  const std::shared_ptr<AudioFilterPlugin> plugin(new AudioFilterPlugin());
  for (const std::string& dependency : dependencies) plugin->libraries_.push_back(openLibrary(dependency));
  plugin->libraries_.push_back(openLibrary(path));
  plugin->resolve(path);
  return plugin;
}

AudioFilterPlugin::~AudioFilterPlugin() {
  for (size_t at = libraries_.size(); at-- > 0;) dlclose(libraries_[at]);
}

void AudioFilterPlugin::resolve(const std::string& path) {
  void* library = libraries_.back();
  find(library, "audio_filter_on_load", onLoad_);
  find(library, "audio_filter_create", create_);
  find(library, "audio_filter_create_v2", createV2_);
  find(library, "audio_filter_destroy", destroy_);
  find(library, "audio_filter_process_int16", process_);
  find(library, "audio_filter_process_int16_v2", processV2_);
  find(library, "audio_filter_update_token", updateToken_);
  const auto require = [&](bool present, const char* name) {
    if (!present) throw std::runtime_error(path + " is no audio filter: it exports no " + name);
  };
  require(create_ != nullptr || createV2_ != nullptr, "audio_filter_create");
  require(destroy_ != nullptr, "audio_filter_destroy");
  require(process_ != nullptr || processV2_ != nullptr, "audio_filter_process_int16");
}

void AudioFilterPlugin::onLoad(const std::string& options) const {
  if (onLoad_ == nullptr) return;
  const int32_t code = onLoad_(options.c_str());
  if (code != 0) throw std::runtime_error("The audio filter refuses to be used here, with code " + std::to_string(code));
}

void AudioFilterPlugin::updateToken(const std::string& url, const std::string& token) const {
  if (updateToken_ != nullptr) updateToken_(url.c_str(), token.c_str());
}

std::unique_ptr<AudioFilter> AudioFilterPlugin::createSession(PcmFormat format, const std::string& options,
                                                              const std::string& streamInfo) {
  const auto rateHz = static_cast<uint32_t>(format.rateHz);
  void* session = createV2_ != nullptr ? createV2_(rateHz, rateHz, options.c_str(), streamInfo.c_str())
                                       : create_(rateHz, options.c_str(), streamInfo.c_str());
  if (session == nullptr) return nullptr;
  return std::make_unique<AudioFilterSession>(shared_from_this(), format, session);
}

}  // namespace troupe
