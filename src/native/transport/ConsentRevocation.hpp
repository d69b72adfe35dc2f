#pragma once

namespace troupe::transport {

/**
 * Keeps STUN Binding errors with code 403, by which a far side takes its consent back (RFC 7675, section 5.1), from a UDP
 * socket: libnice 0.1.21 reads a null pointer over one that answers the first check, and aborts over one that a success
 * for another pair follows. Consent that is not renewed runs out by itself. Binding errors whose first attribute is not
 * the error code are kept away with them: nobody writes it elsewhere but to get past this.
 */
void dropConsentRevocations(int socket);

}  // namespace troupe::transport
