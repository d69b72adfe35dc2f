#pragma once

#include <pthread.h>

namespace troupe {

/** What debuggers and `top -H` call this thread; at most 15 characters. */
inline void nameThisThread(const char* name) {
#ifdef __APPLE__
  pthread_setname_np(name);
#else
  pthread_setname_np(pthread_self(), name);
#endif
}

}  // namespace troupe
