#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

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
};

/** Numbers per record: kind, handle and four values. */
constexpr size_t kRecordStride = 6;

/** What one thread has to tell JavaScript: fixed-size records, and PCM and texts that they point into. */
class Batch {
 public:
  std::vector<double> records;
  std::vector<int16_t> pcm;
  std::vector<std::string> texts;

  void event(RecordKind kind, uint32_t handle, double a = 0, double b = 0, double c = 0, double d = 0);
  void frame(uint32_t sink, std::span<const int16_t> samples, size_t samplesPerChannel, int64_t timestampUs,
             bool concealed);
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
