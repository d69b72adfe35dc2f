#pragma once
// The engine's option objects: from JavaScript to C++.

#include <napi.h>

#include "../engine/FrameCryptor.hpp"
#include "../engine/HeaderExtensionIds.hpp"
#include "../engine/LossyWire.hpp"
#include "../engine/ReplayStream.hpp"
#include "../engine/StreamOptions.hpp"

namespace troupe::addon {

PcmFormat pcmFormatOf(Napi::Object object, const char* what);
HeaderExtensionIds headerExtensionIdsOf(Napi::Object object);
ReceiverOptions receiverOptionsOf(Napi::Object object);
SenderOptions senderOptionsOf(Napi::Object object);
/** Fields that are left out stay as they are in `base`. */
OpusParameters opusParametersOf(Napi::Object object, OpusParameters base);
ForwardingOptions forwardingOptionsOf(Napi::Object object);
WireImpairment wireImpairmentOf(Napi::Object object);
FrameCryptorOptions frameCryptorOptionsOf(Napi::Object object);
EncodedSource::Options encodedSourceOptionsOf(Napi::Object object);

}  // namespace troupe::addon
