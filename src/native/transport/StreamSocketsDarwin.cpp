#include <fcntl.h>
#include <sys/socket.h>

#include "StreamSockets.hpp"

namespace troupe::transport {

namespace {

int prepared(int socket) {
  if (socket < 0) return socket;
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  return socket;
}

}  // namespace

int openStreamSocket(int family) { return prepared(::socket(family, SOCK_STREAM, 0)); }

int acceptStreamSocket(int listener) { return prepared(::accept(listener, nullptr, nullptr)); }

}  // namespace troupe::transport
