#include <sys/socket.h>

#include "StreamSockets.hpp"

namespace troupe::transport {

int openStreamSocket(int family) { return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

int acceptStreamSocket(int listener) { return ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }

}  // namespace troupe::transport
