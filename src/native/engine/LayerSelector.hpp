#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe {

/**
 * Decides which simulcast layer of a sender goes to one receiver: the one that was requested, or while it does not come
 * the next lower that does. Layers are ordered by their rid: r0 is the lowest. A change happens at a key frame of the
 * new layer, and the old one goes on until then. Allocates nothing on packets.
 */
class LayerSelector {
 public:
  static constexpr size_t kMaximumLayers = 4;
  static constexpr size_t kLongestRid = 15;
  /** A layer that was quiet for so long does not come any more. */
  static constexpr int64_t kSilenceUs = 3'000'000;

  enum class Verdict : uint8_t { forward, skip, needsKeyFrame };

  /** `rid`; "none" for no layer at all. */
  void request(std::string_view rid);
  const std::string& requested() const { return requested_; }

  Verdict onPacket(std::string_view rid, bool startsKeyFrame, int64_t nowUs);

  /** The layer that is forwarded; empty before the first. */
  std::string_view current() const { return current_ < count_ ? rids_[current_].view() : std::string_view(); }

 private:
  struct Layer {
    std::array<char, kLongestRid> text{};
    size_t size = 0;
    int64_t lastUs = 0;
    std::string_view view() const { return {text.data(), size}; }
  };
  static constexpr size_t kNone = kMaximumLayers;

  size_t noteLayer(std::string_view rid, int64_t nowUs);
  /** A free place, or that of the layer that has been quiet for longest; kNone when all of them come. */
  size_t placeForNew(int64_t nowUs);
  size_t target(int64_t nowUs) const;

  std::string requested_;
  std::array<Layer, kMaximumLayers> rids_;
  size_t count_ = 0;
  size_t current_ = kNone;
};

}  // namespace troupe
