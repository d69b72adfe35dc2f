#include "FrameCryptor.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "Bytes.hpp"

namespace troupe {

namespace {

/** The one audio frame that a LiveKit server makes itself: Opus silence, padded with zeroes. */
constexpr std::array<uint8_t, 3> kServerSilence = {0xf8, 0xff, 0xfe};

}  // namespace

FrameCryptor::FrameCryptor(uint32_t handle, FrameCryptorOptions options, std::shared_ptr<BatchQueue> batches,
                           uint32_t nonce)
    : handle_(handle),
      options_(std::move(options)),
      batches_(std::move(batches)),
      slots_(options_.keyRingSize),
      counter_(nonce) {}

FrameCryptor::Slot& FrameCryptor::slotAt(size_t index) {
  if (index >= slots_.size()) throw std::invalid_argument("The key ring has no such index");
  return slots_[index];
}

void FrameCryptor::setKey(size_t index, std::span<const uint8_t> key) {
  Slot fresh;
  if (!key.empty()) fresh.key.emplace(key);
  std::lock_guard lock(mutex_);
  fresh.timesSet = slotAt(index).timesSet + 1;
  std::swap(slotAt(index), fresh);
}

void FrameCryptor::setCandidates(size_t index, const std::vector<std::vector<uint8_t>>& keys) {
  std::vector<AesGcm> candidates;
  for (const auto& key : keys) candidates.emplace_back(key);
  std::lock_guard lock(mutex_);
  std::swap(slotAt(index).candidates, candidates);
}

void FrameCryptor::setKeyIndex(size_t index) {
  std::lock_guard lock(mutex_);
  slotAt(index);
  keyIndex_ = index;
}

void FrameCryptor::setEnabled(bool enabled) {
  std::lock_guard lock(mutex_);
  enabled_ = enabled;
}

std::span<const uint8_t> FrameCryptor::transform(const FrameInfo& info, std::span<const uint8_t> frame,
                                                 std::span<uint8_t> out) {
  std::lock_guard lock(mutex_);
  if (!enabled_ || frame.empty()) return frame;
  const auto outcome = apply(info, frame, out);
  ++counts_.frames;
  ++(outcome.empty() ? counts_.dropped : counts_.passed);
  return outcome;
}

FrameTransformCounts FrameCryptor::counts(int64_t) const {
  std::lock_guard lock(mutex_);
  return counts_;
}

std::span<const uint8_t> FrameCryptor::apply(const FrameInfo& info, std::span<const uint8_t> frame,
                                             std::span<uint8_t> out) {
  if (out.size() < frame.size() + kOverheadBytes) {
    report(CryptorState::internalError, keyIndex_);
    return {};
  }
  return options_.direction == FrameCryptorOptions::Direction::encrypt ? encrypt(info, frame, out)
                                                                       : decrypt(frame, out);
}

std::span<const uint8_t> FrameCryptor::encrypt(const FrameInfo& info, std::span<const uint8_t> frame,
                                               std::span<uint8_t> out) {
  Slot& slot = slots_[keyIndex_];
  if (!slot.key) {
    report(CryptorState::missingKey, keyIndex_);
    return {};
  }
  const size_t clear = std::min(options_.clearBytes, frame.size());
  std::array<uint8_t, AesGcm::kIvBytes> iv;
  // No two frames under one key have the same: the counter tells apart what SSRC and timestamp would not.
  writeU32(&iv[0], info.ssrc);
  writeU32(&iv[4], info.timestamp);
  writeU32(&iv[8], counter_++);
  std::memcpy(out.data(), frame.data(), clear);
  if (!slot.key->seal(iv, frame.first(clear), frame.subspan(clear), out.data() + clear)) {
    report(CryptorState::encryptionFailed, keyIndex_);
    return {};
  }
  uint8_t* trailer = out.data() + frame.size() + AesGcm::kTagBytes;
  std::memcpy(trailer, iv.data(), iv.size());
  trailer[AesGcm::kIvBytes] = AesGcm::kIvBytes;
  trailer[AesGcm::kIvBytes + 1] = static_cast<uint8_t>(keyIndex_);
  report(CryptorState::ok, keyIndex_);
  return out.first(frame.size() + kOverheadBytes);
}

std::span<const uint8_t> FrameCryptor::decrypt(std::span<const uint8_t> frame, std::span<uint8_t> out) {
  if (isServerFrame(frame)) return openServerFrame(frame);
  if (frame.size() < options_.clearBytes + kOverheadBytes || frame[frame.size() - 2] != AesGcm::kIvBytes) {
    report(CryptorState::decryptionFailed, keyIndex_);
    return {};
  }
  const size_t index = frame.back();
  if (index >= slots_.size() || !slots_[index].key) {
    report(CryptorState::missingKey, index);
    return {};
  }
  Slot& slot = slots_[index];
  if (options_.failureTolerance >= 0 && slot.failures > options_.failureTolerance) return {};
  const auto steps = open(slot, frame, out);
  if (!steps) {
    fail(slot, index);
    return {};
  }
  slot.failures = 0;
  if (*steps > 0) {
    state_ = CryptorState::keyRatcheted;
    send(index, static_cast<double>(*steps), slot.timesSet);
  }
  report(CryptorState::ok, index);
  return out.first(frame.size() - kOverheadBytes);
}

std::optional<size_t> FrameCryptor::open(Slot& slot, std::span<const uint8_t> frame, std::span<uint8_t> out) {
  const auto clear = frame.first(options_.clearBytes);
  const auto iv = frame.subspan(frame.size() - kTrailerBytes - AesGcm::kIvBytes).first<AesGcm::kIvBytes>();
  const auto sealed = frame.subspan(clear.size(), frame.size() - clear.size() - AesGcm::kIvBytes - kTrailerBytes);
  std::memcpy(out.data(), clear.data(), clear.size());
  if (slot.key->open(iv, clear, sealed, out.data() + clear.size())) return 0;
  for (size_t at = 0; at < slot.candidates.size(); ++at) {
    if (!slot.candidates[at].open(iv, clear, sealed, out.data() + clear.size())) continue;
    slot.key = std::move(slot.candidates[at]);
    slot.candidates.erase(slot.candidates.begin(), slot.candidates.begin() + static_cast<ptrdiff_t>(at) + 1);
    // What is left follows the new key, but is not all that may.
    slot.asked = false;
    return at + 1;
  }
  return std::nullopt;
}

void FrameCryptor::fail(Slot& slot, size_t index) {
  if (options_.failureTolerance >= 0) ++slot.failures;
  if (std::exchange(slot.asked, true)) return report(CryptorState::decryptionFailed, index);
  state_ = CryptorState::decryptionFailed;
  send(index, 1);
}

bool FrameCryptor::isServerFrame(std::span<const uint8_t> frame) const {
  const auto& trailer = options_.serverTrailer;
  return !trailer.empty() && frame.size() >= trailer.size() &&
         std::equal(trailer.begin(), trailer.end(), frame.end() - static_cast<ptrdiff_t>(trailer.size()));
}

std::span<const uint8_t> FrameCryptor::openServerFrame(std::span<const uint8_t> frame) const {
  const auto content = frame.first(frame.size() - options_.serverTrailer.size());
  // Anything else would let a server put unencrypted words into a participant's mouth.
  const bool isSilence = content.size() >= kServerSilence.size() &&
                         std::equal(kServerSilence.begin(), kServerSilence.end(), content.begin()) &&
                         std::all_of(content.begin() + kServerSilence.size(), content.end(),
                                     [](uint8_t byte) { return byte == 0; });
  return isSilence ? content : std::span<const uint8_t>();
}

void FrameCryptor::report(CryptorState state, size_t index) {
  if (state_ == state) return;
  state_ = state;
  send(index);
}

void FrameCryptor::send(size_t index, double first, double second) {
  batches_->event(RecordKind::cryptorState, handle_, static_cast<double>(state_), static_cast<double>(index), first,
                  second);
}

}  // namespace troupe
