#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "FrameTransform.hpp"

namespace troupe {

/** Kinds of records; the numbers are those of binding.ts, which says what each carries. */
enum class RecordKind : uint8_t {
  frame = 1,
  level = 2,
  sourceState = 3,
  mark = 4,
  receiverFlow = 5,
  unknownSsrc = 6,
  mixerInput = 7,
  dropped = 8,
  senderLoss = 9,
  bye = 10,
  dominantSpeaker = 11,
  cryptorState = 12,
  encodedFrame = 13,
  layerSwitched = 14,
};

/** Numbers per record: kind, handle and four values. */
constexpr size_t kRecordStride = 6;

/** What one thread has to tell JavaScript: fixed-size records, and PCM, bytes and texts that they point into. */
class Batch {
 public:
  std::vector<double> records;
  std::vector<int16_t> pcm;
  /** Encoded frames, each behind what FrameInfo says of it in the form of an RTP header (RFC 3550, section 5.1). */
  std::vector<uint8_t> bytes;
  std::vector<std::string> texts;

  void event(RecordKind kind, uint32_t handle, double a = 0, double b = 0, double c = 0, double d = 0);
  void frame(uint32_t sink, std::span<const int16_t> samples, size_t samplesPerChannel, int64_t timestampUs,
             bool concealed);
  void encodedFrame(uint32_t transform, uint64_t number, const FrameInfo& info, std::span<const uint8_t> frame);
  /** Index of the text, for a record to point at. */
  double text(std::string value);

  /** Takes over what `other` has, with the indices moved; `other` is left empty. */
  void append(Batch& other);

  /** Takes the audio out and leaves the events; gives the frames dropped. */
  size_t dropFrames();

  bool empty() const { return records.empty(); }
  /** Empties it but keeps its memory. */
  void clear();
};

}  // namespace troupe
