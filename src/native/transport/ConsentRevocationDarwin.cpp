#include "ConsentRevocation.hpp"

namespace troupe::transport {

// No filter on a socket of macOS: the libnice that is linked there has to take no harm from them (docs/releasing.md).
void dropConsentRevocations(int) {}

}  // namespace troupe::transport
