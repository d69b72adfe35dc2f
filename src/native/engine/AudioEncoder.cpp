#include "AudioEncoder.hpp"

#include <atomic>

#include "G711Encoder.hpp"
#include "OpusAudioEncoder.hpp"

namespace troupe {

namespace {

std::atomic<size_t> alive{0};

}  // namespace

AudioEncoder::AudioEncoder() { ++troupe::alive; }

AudioEncoder::~AudioEncoder() { --troupe::alive; }

size_t AudioEncoder::alive() { return troupe::alive; }

std::unique_ptr<AudioEncoder> AudioEncoder::create(const AudioEncoding& encoding, int rateHz) {
  switch (encoding.codec) {
    case AudioEncoding::Codec::pcmu: return std::make_unique<G711Encoder>(G711Law::mu, encoding.opus.frameMs);
    case AudioEncoding::Codec::pcma: return std::make_unique<G711Encoder>(G711Law::a, encoding.opus.frameMs);
    default: return std::make_unique<OpusAudioEncoder>(rateHz, encoding.opus);
  }
}

}  // namespace troupe
