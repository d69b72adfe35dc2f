#pragma once

#include "Types.hpp"

namespace troupe::transport {

/** Throws InvalidParameters for what no ICE or DTLS could use; the fingerprint becomes upper case. */
void checkRemoteParameters(TransportParameters& parameters);

}  // namespace troupe::transport
