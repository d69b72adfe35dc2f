#include "OggOpusWriter.hpp"

#include <opus/opus_multistream.h>

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>
#include <string_view>

namespace troupe {

namespace {

/** The longest packet has three frames of 20 ms. */
constexpr size_t kMostBytesPerChannel = 4500;
constexpr uint8_t kFamilyMono = 0;
constexpr uint8_t kFamilyVorbis = 1;
constexpr uint8_t kFamilyDiscrete = 255;

void put(std::vector<uint8_t>& bytes, std::string_view text) { bytes.insert(bytes.end(), text.begin(), text.end()); }

void put(std::vector<uint8_t>& bytes, uint32_t value, int size) {
  for (int at = 0; at < size; ++at) bytes.push_back(static_cast<uint8_t>(value >> (8 * at)));
}

void append(const ogg_page& page, std::vector<uint8_t>& out) {
  out.insert(out.end(), page.header, page.header + page.header_len);
  out.insert(out.end(), page.body, page.body + page.body_len);
}

int applicationOf(OggOpusOptions::Application application) {
  switch (application) {
    case OggOpusOptions::Application::voip:
      return OPUS_APPLICATION_VOIP;
    case OggOpusOptions::Application::lowDelay:
      return OPUS_APPLICATION_RESTRICTED_LOWDELAY;
    default:
      return OPUS_APPLICATION_AUDIO;
  }
}

}  // namespace

OggOpusWriter::OggOpusWriter(int rateHz, int channels, const OggOpusOptions& options)
    : rateHz_(rateHz),
      channels_(channels),
      frameMs_(options.frameMs),
      pagePerPacket_(options.pagePerPacket),
      frameSamples_(static_cast<size_t>(rateHz / 1'000 * options.frameMs * channels)),
      packet_(kMostBytesPerChannel * static_cast<size_t>(channels)) {
  std::array<unsigned char, kMostChannels> mapping{};
  for (size_t at = 0; at < mapping.size(); ++at) mapping[at] = static_cast<unsigned char>(at);
  int error = OPUS_OK;
  encoder_ = opus_multistream_encoder_create(rateHz, channels, channels, 0, mapping.data(),
                                            applicationOf(options.application), &error);
  if (encoder_ == nullptr) throw std::runtime_error(opus_strerror(error));
  opus_multistream_encoder_ctl(encoder_, OPUS_SET_BITRATE(options.bitRate * channels));
  opus_multistream_encoder_ctl(encoder_, OPUS_SET_COMPLEXITY(options.complexity));
  int lookAhead = 0;
  opus_multistream_encoder_ctl(encoder_, OPUS_GET_LOOKAHEAD(&lookAhead));
  preSkip_ = static_cast<int>(ticks(lookAhead));
  ogg_stream_init(&stream_, static_cast<int>(std::random_device{}()));
}

OggOpusWriter::~OggOpusWriter() {
  ogg_stream_clear(&stream_);
  if (encoder_ != nullptr) opus_multistream_encoder_destroy(encoder_);
}

void OggOpusWriter::write(std::span<const int16_t> samples, std::vector<uint8_t>& out) {
  writeHeaders(out);
  writtenTicks_ += ticks(static_cast<int64_t>(samples.size()) / channels_);
  pending_.insert(pending_.end(), samples.begin(), samples.end());
  size_t at = 0;
  for (; at + frameSamples_ <= pending_.size(); at += frameSamples_) encode(pending_.data() + at, false, out);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(at));
}

void OggOpusWriter::finish(std::vector<uint8_t>& out) {
  writeHeaders(out);
  const int64_t frameTicks = 48 * frameMs_;
  // The encoder holds `preSkip_` back: silence pushes it out, and the last page says where the sound ends.
  for (bool last = false; !last;) {
    pending_.resize(frameSamples_, 0);
    last = encodedTicks_ + frameTicks >= writtenTicks_ + preSkip_;
    encode(pending_.data(), last, out);
    pending_.clear();
  }
  ogg_page page;
  while (ogg_stream_flush(&stream_, &page) != 0) append(page, out);
}

void OggOpusWriter::writeHeaders(std::vector<uint8_t>& out) {
  if (begun_) return;
  begun_ = true;
  const uint8_t family = channels_ == 1 ? kFamilyMono : channels_ == 2 ? kFamilyVorbis : kFamilyDiscrete;
  std::vector<uint8_t> head;
  put(head, "OpusHead");
  put(head, 1, 1);
  put(head, static_cast<uint32_t>(channels_), 1);
  put(head, static_cast<uint32_t>(preSkip_), 2);
  put(head, static_cast<uint32_t>(rateHz_), 4);
  put(head, 0, 2);
  put(head, family, 1);
  if (family != kFamilyMono) {
    put(head, static_cast<uint32_t>(channels_), 1);
    put(head, 0, 1);
    for (int channel = 0; channel < channels_; ++channel) put(head, static_cast<uint32_t>(channel), 1);
  }
  putHeader(head, 0, out);
  std::vector<uint8_t> tags;
  const std::string_view vendor = opus_get_version_string();
  put(tags, "OpusTags");
  put(tags, static_cast<uint32_t>(vendor.size()), 4);
  put(tags, vendor);
  put(tags, 0, 4);
  putHeader(tags, 1, out);
  packets_ = 2;
}

void OggOpusWriter::putHeader(std::vector<uint8_t>& bytes, int64_t number, std::vector<uint8_t>& out) {
  ogg_packet packet{};
  packet.packet = bytes.data();
  packet.bytes = static_cast<long>(bytes.size());
  packet.b_o_s = number == 0;
  packet.packetno = number;
  ogg_stream_packetin(&stream_, &packet);
  ogg_page page;
  // Each header has pages of its own.
  while (ogg_stream_flush(&stream_, &page) != 0) append(page, out);
}

void OggOpusWriter::encode(const int16_t* frame, bool last, std::vector<uint8_t>& out) {
  const int size = opus_multistream_encode(encoder_, frame, rateHz_ / 1'000 * frameMs_, packet_.data(),
                                           static_cast<opus_int32>(packet_.size()));
  if (size < 0) throw std::runtime_error(opus_strerror(size));
  encodedTicks_ += 48 * frameMs_;
  ogg_packet packet{};
  packet.packet = packet_.data();
  packet.bytes = size;
  packet.e_o_s = last;
  packet.granulepos = last ? writtenTicks_ + preSkip_ : encodedTicks_;
  packet.packetno = packets_++;
  ogg_stream_packetin(&stream_, &packet);
  ogg_page page;
  while ((pagePerPacket_ ? ogg_stream_flush(&stream_, &page) : ogg_stream_pageout(&stream_, &page)) != 0) append(page, out);
}

}  // namespace troupe
