#pragma once

namespace troupe::transport {

/**
 * Has libsrtp do AES-GCM (RFC 7714) by OpenSSL from now on, for the whole process. Debian builds libsrtp on NSS, which
 * sets itself up anew for each packet. libsrtp tries the replacement by its own test vectors first: false where it
 * refused it and its own stays. After srtp_init, before the first session.
 */
bool useOpensslForAesGcm();

}  // namespace troupe::transport
