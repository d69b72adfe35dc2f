#pragma once

namespace troupe::transport {

/** A TCP socket that never blocks and that no child of the process inherits; -1 with errno where there is none. */
int openStreamSocket(int family);

/** The next connection that waits at `listener`, of the same kind; -1 with errno where there is none. */
int acceptStreamSocket(int listener);

}  // namespace troupe::transport
