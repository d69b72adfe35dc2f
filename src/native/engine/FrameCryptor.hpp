#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "AesGcm.hpp"
#include "BatchQueue.hpp"
#include "FrameTransform.hpp"

namespace troupe {

/** The numbers are those of binding.ts. */
enum class CryptorState : uint8_t {
  fresh,
  ok,
  encryptionFailed,
  decryptionFailed,
  missingKey,
  keyRatcheted,
  internalError,
};

struct FrameCryptorOptions {
  enum class Direction : uint8_t { encrypt, decrypt };
  Direction direction = Direction::encrypt;
  /** Bytes at the start of a frame that stay readable (and are authenticated): for Opus its table of contents. */
  size_t clearBytes = 1;
  size_t keyRingSize = 16;
  /** Frames in a row that a key may fail to open until it is given up; below 0: any number. */
  int failureTolerance = -1;
  /** What the server appends to silence of its own, which nobody has encrypted; empty: it sends none. */
  std::vector<uint8_t> serverTrailer;
};

/**
 * End-to-end encryption of one stream's frames in LiveKit's form:
 *
 *     clear header | ciphertext | tag (16) | initialization vector (12) | 12 | key index
 *
 * AES-GCM with the clear header as additional data. A key that does not open a frame may have moved on by a ratchet:
 * whoever holds the key's material is asked for what follows it, since each
 * step takes tens of milliseconds.
 *
 * The record: state, key index, and for `decryptionFailed` 1 when successors are wanted, for `keyRatcheted` the steps
 * and how often the key had been set.
 */
class FrameCryptor final : public FrameTransform {
 public:
  static constexpr size_t kTrailerBytes = 2;
  static constexpr size_t kOverheadBytes = AesGcm::kTagBytes + AesGcm::kIvBytes + kTrailerBytes;
  static constexpr size_t kMaximumKeyRingSize = 256;
  static constexpr size_t kMaximumCandidates = 64;
  static constexpr size_t kMaximumServerTrailerBytes = 64;

  /** `nonce` starts the counter in the initialization vectors; any random number. */
  FrameCryptor(uint32_t handle, FrameCryptorOptions options, std::shared_ptr<BatchQueue> batches, uint32_t nonce);

  // Any thread. Throws std::invalid_argument for an index or a key that is none.
  /** Empty: the slot has no key any more. */
  void setKey(size_t index, std::span<const uint8_t> key);
  /** The keys that follow the one in the slot, in order. The first that opens a frame takes its place. */
  void setCandidates(size_t index, const std::vector<std::vector<uint8_t>>& keys);
  /** The key that frames are encrypted with. */
  void setKeyIndex(size_t index);
  /** Frames pass as they are while it is not enabled. */
  void setEnabled(bool enabled);

  std::span<const uint8_t> transform(const FrameInfo& info, std::span<const uint8_t> frame,
                                     std::span<uint8_t> out) override;
  FrameTransformCounts counts(int64_t nowUs) const override;

 private:
  struct Slot {
    std::optional<AesGcm> key;
    std::vector<AesGcm> candidates;
    int failures = 0;
    bool asked = false;
    /** How often the key was set, so that who hears of a ratchet knows which key it began with. */
    uint32_t timesSet = 0;
  };

  Slot& slotAt(size_t index);
  std::span<const uint8_t> apply(const FrameInfo& info, std::span<const uint8_t> frame, std::span<uint8_t> out);
  std::span<const uint8_t> encrypt(const FrameInfo& info, std::span<const uint8_t> frame, std::span<uint8_t> out);
  std::span<const uint8_t> decrypt(std::span<const uint8_t> frame, std::span<uint8_t> out);
  std::span<const uint8_t> openServerFrame(std::span<const uint8_t> frame) const;
  bool isServerFrame(std::span<const uint8_t> frame) const;
  /** Steps of the ratchet that it took; nothing when no key opens it. */
  std::optional<size_t> open(Slot& slot, std::span<const uint8_t> frame, std::span<uint8_t> out);
  void fail(Slot& slot, size_t index);
  void report(CryptorState state, size_t index);
  void send(size_t index, double first = 0, double second = 0);

  const uint32_t handle_;
  const FrameCryptorOptions options_;
  const std::shared_ptr<BatchQueue> batches_;

  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
  size_t keyIndex_ = 0;
  uint32_t counter_;
  bool enabled_ = true;
  CryptorState state_ = CryptorState::fresh;
  FrameTransformCounts counts_;
};

}  // namespace troupe
