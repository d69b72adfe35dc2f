#include "G711Encoder.hpp"

#include <algorithm>

namespace troupe {

size_t G711Encoder::encode(std::span<const int16_t> pcm, std::span<uint8_t> out) {
  if (pcm.size() > out.size()) return 0;
  std::transform(pcm.begin(), pcm.end(), out.begin(), law_ == G711Law::mu ? g711::encodeMuLaw : g711::encodeALaw);
  return pcm.size();
}

bool G711Encoder::update(const AudioEncoding& encoding) {
  const auto codec = law_ == G711Law::mu ? AudioEncoding::Codec::pcmu : AudioEncoding::Codec::pcma;
  return encoding.codec == codec && encoding.opus.frameMs == frameMs_;
}

}  // namespace troupe
