#include "Batch.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "Bytes.hpp"

namespace troupe {

namespace {

constexpr size_t kRtpHeaderBytes = 12;
/** Version 2, nothing else. */
constexpr uint8_t kRtpVersionBits = 0x80;

bool isKind(double value, RecordKind kind) { return value == static_cast<double>(kind); }

}  // namespace

void Batch::event(RecordKind kind, uint32_t handle, double a, double b, double c, double d) {
  const double record[kRecordStride] = {static_cast<double>(kind), static_cast<double>(handle), a, b, c, d};
  records.insert(records.end(), std::begin(record), std::end(record));
}

void Batch::frame(uint32_t sink, std::span<const int16_t> samples, size_t samplesPerChannel, int64_t timestampUs,
                  bool concealed) {
  event(RecordKind::frame, sink, static_cast<double>(pcm.size()), static_cast<double>(samplesPerChannel),
        static_cast<double>(timestampUs), concealed ? 1 : 0);
  pcm.insert(pcm.end(), samples.begin(), samples.end());
}

void Batch::encodedFrame(uint32_t transform, uint64_t number, const FrameInfo& info, std::span<const uint8_t> frame) {
  std::array<uint8_t, kRtpHeaderBytes> header = {kRtpVersionBits, info.payloadType};
  writeU16(&header[2], info.sequenceNumber);
  writeU32(&header[4], info.timestamp);
  writeU32(&header[8], info.ssrc);
  event(RecordKind::encodedFrame, transform, static_cast<double>(number), static_cast<double>(bytes.size()),
        static_cast<double>(header.size() + frame.size()));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.insert(bytes.end(), frame.begin(), frame.end());
}

double Batch::text(std::string value) {
  texts.push_back(std::move(value));
  return static_cast<double>(texts.size() - 1);
}

void Batch::append(Batch& other) {
  const size_t first = records.size();
  records.insert(records.end(), other.records.begin(), other.records.end());
  for (size_t at = first; at < records.size(); at += kRecordStride) {
    if (isKind(records[at], RecordKind::frame)) records[at + 2] += static_cast<double>(pcm.size());
    if (isKind(records[at], RecordKind::encodedFrame)) records[at + 3] += static_cast<double>(bytes.size());
    if (isKind(records[at], RecordKind::unknownSsrc) && records[at + 4] >= 0)
      records[at + 4] += static_cast<double>(texts.size());
  }
  pcm.insert(pcm.end(), other.pcm.begin(), other.pcm.end());
  bytes.insert(bytes.end(), other.bytes.begin(), other.bytes.end());
  std::move(other.texts.begin(), other.texts.end(), std::back_inserter(texts));
  other.clear();
}

size_t Batch::dropFrames() {
  size_t kept = 0;
  size_t dropped = 0;
  for (size_t at = 0; at < records.size(); at += kRecordStride) {
    if (isKind(records[at], RecordKind::frame) || isKind(records[at], RecordKind::encodedFrame)) {
      ++dropped;
      continue;
    }
    std::copy_n(records.begin() + static_cast<ptrdiff_t>(at), kRecordStride,
                records.begin() + static_cast<ptrdiff_t>(kept));
    kept += kRecordStride;
  }
  records.resize(kept);
  pcm.clear();
  bytes.clear();
  return dropped;
}

void Batch::clear() {
  records.clear();
  pcm.clear();
  bytes.clear();
  texts.clear();
}

}  // namespace troupe
