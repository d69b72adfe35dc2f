#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "StreamPosition.hpp"

namespace troupe {

/** Where the streams of a peer stood when they ended, by SSRC: whoever takes one up again goes on from there. */
class StreamPositions {
 public:
  /** The one that ended longest ago is forgotten: whoever sends under another SSRC each time never comes back to it. */
  static constexpr size_t kMaximum = 1024;

  void remember(uint32_t ssrc, const StreamPosition& position) {
    if (!positions_.insert_or_assign(ssrc, position).second) std::erase(order_, ssrc);
    order_.push_back(ssrc);
    if (order_.size() <= kMaximum) return;
    positions_.erase(order_.front());
    order_.pop_front();
  }

  std::optional<StreamPosition> of(uint32_t ssrc) const {
    const auto found = positions_.find(ssrc);
    return found == positions_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::unordered_map<uint32_t, StreamPosition> positions_;
  std::deque<uint32_t> order_;
};

}  // namespace troupe
