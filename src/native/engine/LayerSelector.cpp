#include "LayerSelector.hpp"

#include <algorithm>

namespace troupe {

namespace {

constexpr std::string_view kNoLayer = "none";

}  // namespace

void LayerSelector::request(std::string_view rid) {
  requested_ = rid;
  if (rid == kNoLayer) current_ = kNone;
}

LayerSelector::Verdict LayerSelector::onPacket(std::string_view rid, bool startsKeyFrame, int64_t nowUs) {
  const size_t layer = noteLayer(rid, nowUs);
  if (layer == kNone || requested_ == kNoLayer) return Verdict::skip;
  if (layer == current_) return Verdict::forward;
  if (layer != target(nowUs)) return Verdict::skip;
  if (!startsKeyFrame) return Verdict::needsKeyFrame;
  current_ = layer;
  return Verdict::forward;
}

size_t LayerSelector::noteLayer(std::string_view rid, int64_t nowUs) {
  for (size_t at = 0; at < count_; ++at) {
    if (rids_[at].view() != rid) continue;
    rids_[at].lastUs = nowUs;
    return at;
  }
  if (rid.size() > kLongestRid) return kNone;
  const size_t place = placeForNew(nowUs);
  if (place == kNone) return kNone;
  Layer& layer = rids_[place];
  std::copy(rid.begin(), rid.end(), layer.text.begin());
  layer.size = rid.size();
  layer.lastUs = nowUs;
  return place;
}

size_t LayerSelector::placeForNew(int64_t nowUs) {
  if (count_ < kMaximumLayers) return count_++;
  const auto oldest = std::min_element(rids_.begin(), rids_.end(),
                                       [](const Layer& a, const Layer& b) { return a.lastUs < b.lastUs; });
  if (nowUs - oldest->lastUs < kSilenceUs) return kNone;
  const auto place = static_cast<size_t>(oldest - rids_.begin());
  if (current_ == place) current_ = kNone;
  return place;
}

size_t LayerSelector::target(int64_t nowUs) const {
  size_t below = kNone;
  size_t lowest = kNone;
  for (size_t at = 0; at < count_; ++at) {
    if (nowUs - rids_[at].lastUs >= kSilenceUs) continue;
    const auto rid = rids_[at].view();
    if (lowest == kNone || rid < rids_[lowest].view()) lowest = at;
    if (rid <= requested_ && (below == kNone || rid > rids_[below].view())) below = at;
  }
  return below == kNone ? lowest : below;
}

}  // namespace troupe
