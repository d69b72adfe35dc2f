#include <dlfcn.h>

namespace troupe {

namespace {

/** OpenSSL and GLib keep pointers into the addon until the process ends, so it is never unloaded; ld has no option for it. */
bool stayLoaded() {
  Dl_info self{};
  return dladdr(reinterpret_cast<const void*>(&stayLoaded), &self) != 0 &&
         dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
}

[[maybe_unused]] const bool staysLoaded = stayLoaded();

}  // namespace

}  // namespace troupe
