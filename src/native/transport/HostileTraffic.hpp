#pragma once
// Test equipment: damages packets on their way out, and counts what it sent by layer and kind.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace troupe::transport {

enum class Layer : size_t { dtls, srtp, sctp, kCount };

/** `forged`: right for whatever lies below it, nonsense inside. */
enum class Damage : size_t { truncated, reordered, replayed, oversized, changed, forged, kCount };

/** How much was sent of each kind; from any thread. */
class HostileCounts {
 public:
  void count(Layer layer, Damage damage) {
    counts_[static_cast<size_t>(layer)][static_cast<size_t>(damage)].fetch_add(1, std::memory_order_relaxed);
  }
  uint64_t of(Layer layer, Damage damage) const {
    return counts_[static_cast<size_t>(layer)][static_cast<size_t>(damage)].load(std::memory_order_relaxed);
  }

  /** By layer and kind, as a JSON object. */
  std::string json() const {
    static constexpr std::array kLayers = {"dtls", "srtp", "sctp"};
    static constexpr std::array kDamages = {"truncated", "reordered", "replayed", "oversized", "changed", "forged"};
    std::string text = "{";
    for (size_t layer = 0; layer < kLayers.size(); ++layer) {
      text += std::string(layer > 0 ? "," : "") + "\"" + kLayers[layer] + "\":{";
      for (size_t damage = 0; damage < kDamages.size(); ++damage) {
        text += std::string(damage > 0 ? "," : "") + "\"" + kDamages[damage] +
                "\":" + std::to_string(of(static_cast<Layer>(layer), static_cast<Damage>(damage)));
      }
      text += "}";
    }
    return text + "}";
  }

 private:
  std::array<std::array<std::atomic<uint64_t>, static_cast<size_t>(Damage::kCount)>, static_cast<size_t>(Layer::kCount)>
      counts_{};
};

/**
 * Lets packets of one layer pass, late at times so that they come in another order, and sends damaged copies and old
 * ones among them. Every packet passes once, so that what is built on the layer goes on.
 */
class Mangler {
 public:
  using Send = std::function<void(const uint8_t*, size_t)>;
  /** Makes a damaged packet look right to the first check of its reader. */
  using Repair = std::function<void(std::vector<uint8_t>&)>;

  Mangler(std::mt19937& random, HostileCounts& counts, Layer layer, size_t maximumBytes, Send send,
          Repair repair = nullptr)
      : random_(random),
        counts_(counts),
        layer_(layer),
        maximumBytes_(maximumBytes),
        send_(std::move(send)),
        repair_(std::move(repair)) {}

  void pass(const uint8_t* data, size_t size) {
    std::vector<uint8_t> packet(data, data + size);
    damage(packet);
    if (seen_.size() < kRemembered) {
      seen_.push_back(packet);
    } else {
      seen_[random_() % kRemembered] = packet;
    }
    if (!held_ && oneIn(6)) {
      held_ = std::move(packet);
      return;
    }
    send_(packet.data(), packet.size());
    if (!held_) return;
    counts_.count(layer_, Damage::reordered);
    flush();
  }

  /** Lets go of what is held, so that nothing waits for a next packet that does not come. */
  void flush() {
    if (!held_) return;
    const std::vector<uint8_t> packet = *std::exchange(held_, std::nullopt);
    send_(packet.data(), packet.size());
  }

  /** Sends nonsense that is counted as forged. */
  void forge(const std::vector<uint8_t>& packet) { sendDamaged(packet, Damage::forged); }

 private:
  static constexpr size_t kRemembered = 64;

  bool oneIn(uint32_t count) { return random_() % count == 0; }

  void damage(const std::vector<uint8_t>& packet) {
    if (oneIn(3)) {
      std::vector<uint8_t> part(packet.begin(), packet.begin() + static_cast<ptrdiff_t>(random_() % packet.size()));
      sendRepaired(std::move(part), Damage::truncated);
    }
    if (!seen_.empty() && oneIn(3)) sendDamaged(seen_[random_() % seen_.size()], Damage::replayed);
    if (oneIn(8)) {
      std::vector<uint8_t> large = packet;
      const size_t room = maximumBytes_ - std::min(maximumBytes_, packet.size());
      const size_t more = room == 0 ? 0 : random_() % room;
      for (size_t i = 0; i < more; ++i) large.push_back(static_cast<uint8_t>(random_()));
      sendRepaired(std::move(large), Damage::oversized);
    }
    if (oneIn(3)) {
      std::vector<uint8_t> changed = packet;
      for (uint32_t i = random_() % 4 + 1; i > 0; --i) changed[random_() % changed.size()] = static_cast<uint8_t>(random_());
      sendRepaired(std::move(changed), Damage::changed);
    }
  }

  void sendRepaired(std::vector<uint8_t> packet, Damage kind) {
    if (repair_ && oneIn(2)) repair_(packet);
    sendDamaged(packet, kind);
  }

  void sendDamaged(const std::vector<uint8_t>& packet, Damage kind) {
    if (packet.empty()) return;
    send_(packet.data(), packet.size());
    counts_.count(layer_, kind);
  }

  std::mt19937& random_;
  HostileCounts& counts_;
  const Layer layer_;
  const size_t maximumBytes_;
  Send send_;
  Repair repair_;
  std::vector<std::vector<uint8_t>> seen_;
  std::optional<std::vector<uint8_t>> held_;
};

}  // namespace troupe::transport
