#include "OpusAudioDecoder.hpp"

#include <opus/opus.h>

#include <algorithm>
#include <stdexcept>

namespace troupe {

namespace {

/** Configurations below this one are SILK or hybrid (RFC 6716, section 3.1), which alone can carry FEC. */
constexpr uint8_t kFirstCeltOnlyConfiguration = 16;

}  // namespace

OpusAudioDecoder::OpusAudioDecoder(PcmFormat format) : AudioDecoder(format) {
  int error = 0;
  decoder_ = opus_decoder_create(format.rateHz, format.channels, &error);
  if (decoder_ == nullptr) throw std::runtime_error(opus_strerror(error));
}

OpusAudioDecoder::~OpusAudioDecoder() { opus_decoder_destroy(decoder_); }

size_t OpusAudioDecoder::decode(std::span<const uint8_t> packet, std::span<int16_t> out) {
  // An empty packet would be taken as a lost one.
  if (packet.empty()) return 0;
  return run(packet.data(), packet.size(), out, out.size() / static_cast<size_t>(format().channels), false);
}

size_t OpusAudioDecoder::conceal(size_t samplesPerChannel, std::span<int16_t> out) {
  return run(nullptr, 0, out, samplesPerChannel, false);
}

size_t OpusAudioDecoder::recover(std::span<const uint8_t> nextPacket, size_t samplesPerChannel,
                                 std::span<int16_t> out) {
  if (!hasFec(nextPacket)) return conceal(samplesPerChannel, out);
  return run(nextPacket.data(), nextPacket.size(), out, samplesPerChannel, true);
}

size_t OpusAudioDecoder::durationAt48kHz(std::span<const uint8_t> packet) {
  if (packet.empty()) return 0;
  const int samples =
      opus_packet_get_nb_samples(packet.data(), static_cast<opus_int32>(packet.size()), kMaximumRateHz);
  return samples > 0 ? static_cast<size_t>(samples) : 0;
}

bool OpusAudioDecoder::hasFec(std::span<const uint8_t> packet) {
  if (packet.empty() || (packet[0] >> 3) >= kFirstCeltOnlyConfiguration) return false;
  const unsigned char* frames[48];
  opus_int16 sizes[48];
  const int count = opus_packet_parse(packet.data(), static_cast<opus_int32>(packet.size()), nullptr, frames, sizes,
                                      nullptr);
  if (count <= 0 || sizes[0] <= 0) return false;
  // Header bits of the SILK layer: one voice activity flag a 20 ms frame, then the flag of the second copy.
  const int samples = opus_packet_get_samples_per_frame(packet.data(), kMaximumRateHz);
  const int silkFrames = samples == 1920 ? 2 : samples == 2880 ? 3 : 1;
  return (frames[0][0] & (0x80 >> silkFrames)) != 0;
}

size_t OpusAudioDecoder::run(const uint8_t* packet, size_t size, std::span<int16_t> out, size_t samplesPerChannel,
                             bool fec) {
  const size_t room = out.size() / static_cast<size_t>(format().channels);
  const int made = opus_decode(decoder_, packet, static_cast<opus_int32>(size), out.data(),
                               static_cast<int>(std::min(samplesPerChannel, room)), fec ? 1 : 0);
  return made > 0 ? static_cast<size_t>(made) : 0;
}

}  // namespace troupe
