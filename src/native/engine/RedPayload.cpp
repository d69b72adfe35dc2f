#include "RedPayload.hpp"

#include <algorithm>

namespace troupe {

namespace {
constexpr uint8_t kFollowed = 0x80;
constexpr size_t kCopyHeaderBytes = 4;
constexpr size_t kPrimaryHeaderBytes = 1;
}  // namespace

bool RedPayload::parse(std::span<const uint8_t> payload, RedPayload& red) {
  red.count_ = 0;
  size_t headers = 0;
  while (headers < payload.size() && (payload[headers] & kFollowed) != 0) headers += kCopyHeaderBytes;
  if (headers >= payload.size()) return false;
  std::span<const uint8_t> data = payload.subspan(headers + kPrimaryHeaderBytes);
  for (size_t at = 0; at < headers; at += kCopyHeaderBytes) {
    // 1 bit that another block follows, 7 of payload type, 14 of timestamp offset, 10 of length.
    const auto header = payload.subspan(at, kCopyHeaderBytes);
    const size_t length = static_cast<size_t>((header[2] & 0x03) << 8 | header[3]);
    if (length > data.size()) return false;
    RedBlock block;
    block.payloadType = header[0] & 0x7f;
    block.timestampOffset = static_cast<uint32_t>(header[1] << 6 | header[2] >> 2);
    block.data = data.first(length);
    data = data.subspan(length);
    if (block.data.empty() || block.timestampOffset == 0) continue;
    if (red.count_ == kMaximumCopies) {
      std::move(red.copies_.begin() + 1, red.copies_.end(), red.copies_.begin());
      --red.count_;
    }
    red.copies_[red.count_++] = block;
  }
  red.primary_ = {static_cast<uint8_t>(payload[headers] & 0x7f), 0, data};
  return true;
}

}  // namespace troupe
