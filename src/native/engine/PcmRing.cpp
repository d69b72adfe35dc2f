#include "PcmRing.hpp"

#include <algorithm>
#include <cstring>

namespace troupe {

PcmRing::PcmRing(size_t capacitySamplesPerChannel, int channels)
    : channels_(static_cast<size_t>(channels)),
      capacity_(std::max<size_t>(capacitySamplesPerChannel, 1) * channels_),
      samples_(capacity_) {}

size_t PcmRing::write(std::span<const int16_t> pcm) {
  std::lock_guard lock(mutex_);
  const size_t room = capacity_ - static_cast<size_t>(written_ - read_);
  const size_t whole = pcm.size() - pcm.size() % channels_;
  const size_t taken = std::min(room - room % channels_, whole);
  const size_t at = static_cast<size_t>(written_ % capacity_);
  const size_t first = std::min(taken, capacity_ - at);
  if (first > 0) std::memcpy(&samples_[at], pcm.data(), first * sizeof(int16_t));
  if (taken > first) std::memcpy(samples_.data(), pcm.data() + first, (taken - first) * sizeof(int16_t));
  written_ += taken;
  return taken / channels_;
}

size_t PcmRing::read(std::span<int16_t> out, std::vector<uint32_t>& reached) {
  size_t real = 0;
  {
    std::lock_guard lock(mutex_);
    real = std::min(out.size(), static_cast<size_t>(written_ - read_));
    copyOut(out.data(), real);
    read_ += real;
    while (!marks_.empty() && marks_.front().position <= read_) {
      reached.push_back(marks_.front().id);
      marks_.pop_front();
    }
  }
  std::fill(out.begin() + static_cast<ptrdiff_t>(real), out.end(), int16_t{0});
  return real / channels_;
}

void PcmRing::copyOut(int16_t* out, size_t count) {
  const size_t at = static_cast<size_t>(read_ % capacity_);
  const size_t first = std::min(count, capacity_ - at);
  if (first > 0) std::memcpy(out, &samples_[at], first * sizeof(int16_t));
  if (count > first) std::memcpy(out + first, samples_.data(), (count - first) * sizeof(int16_t));
}

size_t PcmRing::clear(std::vector<uint32_t>& cleared) {
  std::lock_guard lock(mutex_);
  const size_t dropped = static_cast<size_t>(written_ - read_);
  read_ = written_;
  for (const Mark& mark : marks_) cleared.push_back(mark.id);
  marks_.clear();
  return dropped / channels_;
}

bool PcmRing::mark(uint32_t id) {
  std::lock_guard lock(mutex_);
  if (marks_.size() >= kMaximumMarks) return false;
  marks_.push_back({written_, id});
  return true;
}

size_t PcmRing::queuedSamplesPerChannel() const {
  std::lock_guard lock(mutex_);
  return static_cast<size_t>(written_ - read_) / channels_;
}

}  // namespace troupe
