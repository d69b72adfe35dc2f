#include "VideoPayload.hpp"

#include "Bytes.hpp"

namespace troupe {

namespace {

constexpr uint16_t kWideIds = 0x7fff;
constexpr uint16_t kNarrowIds = 0x7f;
constexpr uint8_t kWide = 0x80;

/** Where the numbers stand; 0 where there is none, since a descriptor begins with a byte of flags. */
struct Places {
  size_t id = 0;
  size_t layerIndex = 0;
};

size_t idBytes(std::span<const uint8_t> payload, size_t at) {
  return at < payload.size() && (payload[at] & kWide) != 0 ? 2 : 1;
}

Places placesInVp8(std::span<const uint8_t> payload) {
  constexpr uint8_t kExtended = 0x80, kHasId = 0x80, kHasLayerIndex = 0x40;
  Places places;
  if (payload.size() < 2 || (payload[0] & kExtended) == 0) return places;
  size_t at = 2;
  if ((payload[1] & kHasId) != 0) {
    places.id = at;
    at += idBytes(payload, at);
  }
  if ((payload[1] & kHasLayerIndex) != 0) places.layerIndex = at;
  return places;
}

Places placesInVp9(std::span<const uint8_t> payload) {
  constexpr uint8_t kHasId = 0x80, kHasLayers = 0x20, kFlexible = 0x10;
  Places places;
  if (payload.empty()) return places;
  size_t at = 1;
  if ((payload[0] & kHasId) != 0) {
    places.id = at;
    at += idBytes(payload, at);
  }
  if ((payload[0] & kHasLayers) != 0 && (payload[0] & kFlexible) == 0) places.layerIndex = at + 1;
  return places;
}

Places placesIn(VideoCodec codec, std::span<const uint8_t> payload) {
  if (codec == VideoCodec::vp8) return placesInVp8(payload);
  return codec == VideoCodec::vp9 ? placesInVp9(payload) : Places{};
}

bool startsVp8KeyFrame(std::span<const uint8_t> payload) {
  constexpr uint8_t kExtended = 0x80, kStart = 0x10, kPartition = 0x07;
  constexpr uint8_t kHasId = 0x80, kHasLayerIndex = 0x40, kHasLayer = 0x20, kHasKeyIndex = 0x10, kInterFrame = 0x01;
  if (payload.empty() || (payload[0] & kStart) == 0 || (payload[0] & kPartition) != 0) return false;
  size_t at = 1;
  if ((payload[0] & kExtended) != 0) {
    if (payload.size() < 2) return false;
    const uint8_t flags = payload[1];
    at = 2;
    if ((flags & kHasId) != 0) at += idBytes(payload, at);
    if ((flags & kHasLayerIndex) != 0) at += 1;
    if ((flags & (kHasLayer | kHasKeyIndex)) != 0) at += 1;
  }
  return at < payload.size() && (payload[at] & kInterFrame) == 0;
}

bool startsVp9KeyFrame(std::span<const uint8_t> payload) {
  constexpr uint8_t kHasId = 0x80, kInterPicture = 0x40, kHasLayers = 0x20, kBegin = 0x08, kSpatialLayer = 0x0e;
  if (payload.empty() || (payload[0] & kBegin) == 0 || (payload[0] & kInterPicture) != 0) return false;
  if ((payload[0] & kHasLayers) == 0) return true;
  const size_t at = 1 + ((payload[0] & kHasId) != 0 ? idBytes(payload, 1) : 0);
  return at < payload.size() && (payload[at] & kSpatialLayer) == 0;
}

bool opensH264(uint8_t type) {
  constexpr uint8_t kIdr = 5, kSequenceParameters = 7;
  return type == kIdr || type == kSequenceParameters;
}

bool opensH265(uint8_t type) {
  constexpr uint8_t kFirstRandomAccess = 16, kLastRandomAccess = 21, kVideoParameters = 32, kSequenceParameters = 33;
  return (type >= kFirstRandomAccess && type <= kLastRandomAccess) || type == kVideoParameters ||
         type == kSequenceParameters;
}

/** Units of an aggregation packet: each behind its size in 16 bits. */
template <typename Opens>
bool anyUnit(std::span<const uint8_t> units, Opens&& opens) {
  while (units.size() > 2) {
    const size_t size = readU16(units.data());
    if (size == 0 || size > units.size() - 2) return false;
    if (opens(units[2])) return true;
    units = units.subspan(2 + size);
  }
  return false;
}

bool startsH264KeyFrame(std::span<const uint8_t> payload) {
  constexpr uint8_t kAggregation = 24, kFragment = 28, kStart = 0x80;
  const auto typeOf = [](uint8_t byte) { return static_cast<uint8_t>(byte & 0x1f); };
  if (payload.size() < 2) return false;
  const uint8_t type = typeOf(payload[0]);
  if (type == kFragment) return (payload[1] & kStart) != 0 && opensH264(typeOf(payload[1]));
  if (type != kAggregation) return opensH264(type);
  return anyUnit(payload.subspan(1), [&](uint8_t first) { return opensH264(typeOf(first)); });
}

bool startsH265KeyFrame(std::span<const uint8_t> payload) {
  constexpr uint8_t kAggregation = 48, kFragment = 49, kStart = 0x80;
  const auto typeOf = [](uint8_t byte) { return static_cast<uint8_t>((byte >> 1) & 0x3f); };
  if (payload.size() < 3) return false;
  const uint8_t type = typeOf(payload[0]);
  if (type == kFragment) return (payload[2] & kStart) != 0 && opensH265(payload[2] & 0x3f);
  if (type != kAggregation) return opensH265(type);
  return anyUnit(payload.subspan(2), [&](uint8_t first) { return opensH265(typeOf(first)); });
}

bool startsAv1KeyFrame(std::span<const uint8_t> payload) {
  constexpr uint8_t kNewSequence = 0x08;
  return !payload.empty() && (payload[0] & kNewSequence) != 0;
}

}  // namespace

VideoCodec videoCodecOf(std::string_view name) {
  if (name == "vp8") return VideoCodec::vp8;
  if (name == "vp9") return VideoCodec::vp9;
  if (name == "h264") return VideoCodec::h264;
  if (name == "h265") return VideoCodec::h265;
  return name == "av1" ? VideoCodec::av1 : VideoCodec::none;
}

bool startsKeyFrame(VideoCodec codec, std::span<const uint8_t> payload) {
  switch (codec) {
    case VideoCodec::vp8: return startsVp8KeyFrame(payload);
    case VideoCodec::vp9: return startsVp9KeyFrame(payload);
    case VideoCodec::h264: return startsH264KeyFrame(payload);
    case VideoCodec::h265: return startsH265KeyFrame(payload);
    case VideoCodec::av1: return startsAv1KeyFrame(payload);
    case VideoCodec::none: return false;
  }
  return false;
}

void PictureNumbers::rewrite(VideoCodec codec, std::span<uint8_t> payload) {
  const Places places = placesIn(codec, payload);
  const bool begins = begins_;
  begins_ = false;
  if (places.id > 0 && places.id + idBytes(payload, places.id) <= payload.size()) {
    uint8_t* at = payload.data() + places.id;
    const bool isWide = (*at & kWide) != 0;
    const uint16_t ids = isWide ? kWideIds : kNarrowIds;
    const uint16_t source = isWide ? readU16(at) & kWideIds : *at;
    if (begins && hasId_) idOffset_ = static_cast<uint16_t>(highestId_ + 1 - source);
    const uint16_t id = static_cast<uint16_t>(source + idOffset_) & ids;
    if (isWide) writeU16(at, static_cast<uint16_t>(kWide << 8 | id));
    else *at = static_cast<uint8_t>(id);
    if (!hasId_ || begins || static_cast<uint16_t>((id - highestId_) & ids) <= ids / 2) highestId_ = id;
    hasId_ = true;
  }
  if (places.layerIndex > 0 && places.layerIndex < payload.size()) {
    uint8_t& at = payload[places.layerIndex];
    if (begins && hasLayerIndex_) layerIndexOffset_ = static_cast<uint8_t>(highestLayerIndex_ + 1 - at);
    at = static_cast<uint8_t>(at + layerIndexOffset_);
    if (!hasLayerIndex_ || begins || static_cast<int8_t>(at - highestLayerIndex_) > 0) highestLayerIndex_ = at;
    hasLayerIndex_ = true;
  }
}

}  // namespace troupe
