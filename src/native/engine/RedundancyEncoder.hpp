#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe {

/** Packs each payload together with those sent before it, as RED (RFC 2198). One thread at a time. */
class RedundancyEncoder {
 public:
  static constexpr int kMaximumDistance = 2;

  /**
   * @param blockPayloadType what the blocks are encoded in
   * @param distance how many earlier payloads ride along, at most {@link kMaximumDistance}
   */
  RedundancyEncoder(uint8_t blockPayloadType, int distance);

  /**
   * Writes `payload` behind as many earlier ones as `out` has room for, the newest first to be kept.
   *
   * @return bytes written; 0 when not even `payload` fits.
   */
  size_t encode(uint32_t timestamp, std::span<const uint8_t> payload, std::span<uint8_t> out);

 private:
  /** The length of a redundant block has ten bits. */
  static constexpr size_t kMaximumBlockBytes = 1023;

  struct Block {
    uint32_t timestamp = 0;
    size_t size = 0;
    std::array<uint8_t, kMaximumBlockBytes> bytes;
  };

  /** How many of the earlier blocks go along: those in reach of the timestamp offset, without a hole among them. */
  size_t countFitting(uint32_t timestamp, size_t room) const;
  void remember(uint32_t timestamp, std::span<const uint8_t> payload);
  const Block& earlier(size_t age) const { return blocks_[(next_ + kMaximumDistance - 1 - age) % kMaximumDistance]; }

  const uint8_t blockPayloadType_;
  const size_t distance_;
  std::array<Block, kMaximumDistance> blocks_;
  size_t next_ = 0;
};

}  // namespace troupe
