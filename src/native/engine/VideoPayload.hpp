#pragma once
// What a forwarder has to know of a video packet's payload: whether a key frame begins in it, and where the numbers of
// pictures stand in it (VP8: RFC 7741, VP9: RFC 9628, H.264: RFC 6184, H.265: RFC 7798, AV1: the AOMedia RTP format).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace troupe {

enum class VideoCodec : uint8_t { none, vp8, vp9, h264, h265, av1 };

/** `name` as in CodecParameters; none for what is no video that we know. */
VideoCodec videoCodecOf(std::string_view name);

/** Whether decoding can begin with this packet. False for what cannot be read. */
bool startsKeyFrame(VideoCodec codec, std::span<const uint8_t> payload);

/**
 * Carries the numbers in VP8 and VP9 payload descriptors (the picture id and TL0PICIDX) on over a change of the stream
 * that they come from: decoders take a jump back for old pictures. Other codecs have none, and pass as they are.
 */
class PictureNumbers {
 public:
  /** What is rewritten from here on comes from another stream: its numbers go on from the highest so far. */
  void startRun() { begins_ = true; }
  void rewrite(VideoCodec codec, std::span<uint8_t> payload);

 private:
  bool begins_ = false;
  bool hasId_ = false;
  bool hasLayerIndex_ = false;
  uint16_t idOffset_ = 0;
  uint8_t layerIndexOffset_ = 0;
  uint16_t highestId_ = 0;
  uint8_t highestLayerIndex_ = 0;
};

}  // namespace troupe
