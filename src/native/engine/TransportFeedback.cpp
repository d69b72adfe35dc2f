#include "TransportFeedback.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "Bytes.hpp"

namespace troupe {

namespace {

constexpr size_t kSsrcBytes = 8;
constexpr size_t kFixedBytes = 8;
constexpr int64_t kReferenceUs = 64'000;
constexpr int64_t kDeltaUs = 250;
constexpr size_t kOneBitSymbols = 14;
constexpr size_t kTwoBitSymbols = 7;
constexpr size_t kMaximumRun = 0x1fff;
/** As many as one message of 1200 bytes can be about, whatever befell them. */
constexpr size_t kMaximumTold = 448;

enum Symbol : uint8_t { notReceived = 0, smallDelta = 1, largeDelta = 2 };

size_t deltaBytesOf(unsigned symbol) { return symbol == smallDelta ? 1 : symbol == largeDelta ? 2 : 0; }

/** Adds up what the status chunks say. */
struct StatusCount {
  size_t left;
  uint32_t received = 0;
  size_t deltaBytes = 0;

  void add(unsigned symbol, size_t count) {
    const size_t counted = std::min(count, left);
    left -= counted;
    if (symbol == notReceived) return;
    received += static_cast<uint32_t>(counted);
    deltaBytes += counted * deltaBytesOf(symbol);
  }

  void addChunk(uint16_t chunk) {
    if ((chunk & 0x8000) == 0) return add((chunk >> 13) & 3, chunk & kMaximumRun);
    const bool twoBits = (chunk & 0x4000) != 0;
    const size_t symbols = twoBits ? kTwoBitSymbols : kOneBitSymbols;
    const unsigned bits = twoBits ? 2 : 1;
    for (size_t i = 0; i < symbols; ++i) {
      add((chunk >> (bits * (symbols - 1 - i))) & ((1u << bits) - 1), 1);
    }
  }
};

/** What is to be written of each packet. */
struct Statuses {
  std::array<uint8_t, kMaximumTold> symbols;
  std::array<int16_t, kMaximumTold> deltas;
  size_t count = 0;
};

/** Ends before a packet whose time is too far from the one before for a delta. */
Statuses quantize(std::span<const int64_t> arrivalsUs, int64_t referenceUs) {
  Statuses statuses;
  int64_t previous = referenceUs / kDeltaUs;
  for (const int64_t arrivalUs : arrivalsUs.first(std::min(arrivalsUs.size(), kMaximumTold))) {
    uint8_t symbol = notReceived;
    int64_t delta = 0;
    if (arrivalUs >= 0) {
      delta = arrivalUs / kDeltaUs - previous;
      if (delta < std::numeric_limits<int16_t>::min() || delta > std::numeric_limits<int16_t>::max()) break;
      previous += delta;
      symbol = delta >= 0 && delta <= 255 ? smallDelta : largeDelta;
    }
    statuses.symbols[statuses.count] = symbol;
    statuses.deltas[statuses.count++] = static_cast<int16_t>(delta);
  }
  return statuses;
}

/** The next chunk about what is left of the symbols; `taken` is how many it covers. */
uint16_t chunkOf(std::span<const uint8_t> symbols, size_t& taken) {
  const auto other = std::find_if(symbols.begin(), symbols.end(), [&](uint8_t one) { return one != symbols[0]; });
  const auto run = static_cast<size_t>(other - symbols.begin());
  if (run == symbols.size() || run >= kOneBitSymbols) {
    taken = std::min(run, kMaximumRun);
    return static_cast<uint16_t>(symbols[0] << 13 | taken);
  }
  const auto head = symbols.first(std::min(symbols.size(), kOneBitSymbols));
  const bool twoBits = std::find(head.begin(), head.end(), largeDelta) != head.end();
  const size_t places = twoBits ? kTwoBitSymbols : kOneBitSymbols;
  const unsigned bits = twoBits ? 2 : 1;
  taken = std::min(symbols.size(), places);
  unsigned chunk = twoBits ? 0xc000 : 0x8000;
  for (size_t i = 0; i < taken; ++i) chunk |= static_cast<unsigned>(symbols[i]) << (bits * (places - 1 - i));
  return static_cast<uint16_t>(chunk);
}

}  // namespace

std::optional<TransportFeedback> readTransportFeedback(std::span<const uint8_t> body) {
  if (body.size() < kSsrcBytes + kFixedBytes) return std::nullopt;
  TransportFeedback feedback;
  feedback.baseSequenceNumber = readU16(&body[8]);
  feedback.packetCount = readU16(&body[10]);
  feedback.feedbackCount = body[15];
  if (feedback.packetCount == 0) return std::nullopt;
  StatusCount status{feedback.packetCount};
  size_t at = kSsrcBytes + kFixedBytes;
  for (; status.left > 0; at += 2) {
    if (body.size() - at < 2) return std::nullopt;
    status.addChunk(readU16(&body[at]));
  }
  if (body.size() - at < status.deltaBytes) return std::nullopt;
  feedback.receivedCount = status.received;
  return feedback;
}

size_t writeTransportFeedback(const ArrivalRun& run, std::span<uint8_t> room, size_t& told) {
  told = 0;
  const auto first = std::find_if(run.arrivalsUs.begin(), run.arrivalsUs.end(), [](int64_t us) { return us >= 0; });
  if (first == run.arrivalsUs.end() || room.size() < kFixedBytes) return 0;
  const int64_t reference = *first / kReferenceUs;
  const Statuses statuses = quantize(run.arrivalsUs, reference * kReferenceUs);
  const auto symbols = std::span(statuses.symbols).first(statuses.count);

  size_t size = kFixedBytes;
  std::array<uint16_t, kMaximumTold> chunks;
  size_t chunkCount = 0;
  while (told < symbols.size()) {
    size_t taken = 0;
    const uint16_t chunk = chunkOf(symbols.subspan(told), taken);
    size_t added = 2;
    for (const uint8_t symbol : symbols.subspan(told, taken)) added += deltaBytesOf(symbol);
    // Zeros fill up to a whole word.
    if (((size + added + 3) & ~size_t{3}) > room.size()) break;
    chunks[chunkCount++] = chunk;
    told += taken;
    size += added;
  }
  if (told == 0) return 0;

  const size_t bytes = (size + 3) & ~size_t{3};
  std::memset(room.data(), 0, bytes);
  writeU16(&room[0], run.baseSequenceNumber);
  writeU16(&room[2], static_cast<uint16_t>(told));
  writeU24(&room[4], static_cast<uint32_t>(reference) & 0xffffff);
  room[7] = run.feedbackCount;
  size_t at = kFixedBytes;
  for (size_t i = 0; i < chunkCount; ++i, at += 2) writeU16(&room[at], chunks[i]);
  for (size_t i = 0; i < told; ++i) {
    if (symbols[i] == smallDelta) room[at] = static_cast<uint8_t>(statuses.deltas[i]);
    if (symbols[i] == largeDelta) writeU16(&room[at], static_cast<uint16_t>(statuses.deltas[i]));
    at += deltaBytesOf(symbols[i]);
  }
  return bytes;
}

void TransportArrivals::add(uint16_t sequenceNumber, uint32_t ssrc, int64_t arrivalUs) {
  std::lock_guard lock(mutex_);
  const int64_t number = unwrapper_.unwrap(sequenceNumber);
  if (arrivalsUs_.empty()) {
    arrivalsUs_.assign(kWindow, -1);
    nextToReport_ = end_ = number;
  }
  if (number < end_ - static_cast<int64_t>(kWindow) || number < 0) return;
  if (number >= end_) moveEndTo(number + 1);
  if (at(number) >= 0) return;
  at(number) = std::max<int64_t>(arrivalUs, 0);
  // One that comes late is reported with those that follow it: it may have been told as lost.
  nextToReport_ = std::min(nextToReport_, number);
  newestSsrc_ = ssrc;
  hasNews_ = true;
}

void TransportArrivals::moveEndTo(int64_t end) {
  const int64_t window = kWindow;
  if (end - end_ > window) {
    // A sender that begins anew, or was away: nobody waits for what lies between.
    std::fill(arrivalsUs_.begin(), arrivalsUs_.end(), -1);
    nextToReport_ = end - 1;
  } else {
    for (int64_t number = end_; number < end; ++number) at(number) = -1;
  }
  end_ = end;
  nextToReport_ = std::max(nextToReport_, end_ - window);
}

size_t TransportArrivals::take(std::span<uint8_t> room, uint32_t& mediaSsrc) {
  std::lock_guard lock(mutex_);
  // A gap as long as a whole message is passed over.
  size_t bytes = 0;
  while (hasNews_ && bytes == 0) bytes = takeNext(room);
  mediaSsrc = newestSsrc_;
  return bytes;
}

size_t TransportArrivals::takeNext(std::span<uint8_t> room) {
  std::array<int64_t, kMaximumTold> arrivals;
  const auto count = static_cast<size_t>(std::min<int64_t>(end_ - nextToReport_, kMaximumTold));
  for (size_t i = 0; i < count; ++i) arrivals[i] = at(nextToReport_ + static_cast<int64_t>(i));
  const ArrivalRun run{static_cast<uint16_t>(nextToReport_), std::span(arrivals).first(count), feedbackCount_};
  size_t told = 0;
  const size_t bytes = writeTransportFeedback(run, room, told);
  nextToReport_ += static_cast<int64_t>(bytes > 0 ? told : count);
  hasNews_ = nextToReport_ < end_;
  if (bytes > 0) ++feedbackCount_;
  return bytes;
}

}  // namespace troupe
