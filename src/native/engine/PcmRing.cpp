#include "PcmRing.hpp"

#include <algorithm>
#include <cstring>

namespace troupe {

namespace {

constexpr int64_t kUsPerSecond = 1'000'000;

}  // namespace

PcmRing::PcmRing(size_t capacitySamplesPerChannel, PcmFormat format)
    : format_(format),
      channels_(static_cast<size_t>(format.channels)),
      capacity_(std::max<size_t>(capacitySamplesPerChannel, 1) * channels_),
      samples_(capacity_) {}

size_t PcmRing::write(std::span<const int16_t> pcm, std::optional<int64_t> dueUs) {
  std::lock_guard lock(mutex_);
  if (dueUs && cues_.size() >= kMaximumCues) return 0;
  const size_t room = capacity_ - static_cast<size_t>(written_ - read_);
  const size_t whole = pcm.size() - pcm.size() % channels_;
  const size_t taken = std::min(room - room % channels_, whole);
  const size_t at = static_cast<size_t>(written_ % capacity_);
  const size_t first = std::min(taken, capacity_ - at);
  if (first > 0) std::memcpy(&samples_[at], pcm.data(), first * sizeof(int16_t));
  if (taken > first) std::memcpy(samples_.data(), pcm.data() + first, (taken - first) * sizeof(int16_t));
  if (dueUs && taken > 0) cues_.push_back({written_, *dueUs});
  written_ += taken;
  return taken / channels_;
}

size_t PcmRing::read(std::span<int16_t> out, int64_t nowUs, std::vector<uint32_t>& reached) {
  size_t real = 0;
  size_t filled = 0;
  {
    std::lock_guard lock(mutex_);
    while (filled < out.size() && read_ < written_) {
      const auto aheadUs = static_cast<int64_t>(filled / channels_) * kUsPerSecond / format_.rateHz;
      const size_t silence = silenceBefore(nowUs + aheadUs, out.size() - filled);
      std::fill_n(out.begin() + static_cast<ptrdiff_t>(filled), silence, int16_t{0});
      filled += silence;
      const uint64_t end = cues_.empty() ? written_ : cues_.front().position;
      const size_t count = std::min(out.size() - filled, static_cast<size_t>(end - read_));
      copyOut(out.data() + filled, count);
      read_ += count;
      filled += count;
      real += count;
    }
    while (!marks_.empty() && marks_.front().position <= read_) {
      reached.push_back(marks_.front().id);
      marks_.pop_front();
    }
    flowing_ = real > 0;
  }
  std::fill(out.begin() + static_cast<ptrdiff_t>(filled), out.end(), int16_t{0});
  return real / channels_;
}

size_t PcmRing::silenceBefore(int64_t nowUs, size_t room) {
  while (!cues_.empty() && cues_.front().position <= read_) {
    const int64_t samples = (cues_.front().dueUs - nowUs) * format_.rateHz / kUsPerSecond;
    if (samples > 0) return std::min(room, static_cast<size_t>(samples) * channels_);
    cues_.pop_front();
  }
  return 0;
}

void PcmRing::copyOut(int16_t* out, size_t count) {
  const size_t at = static_cast<size_t>(read_ % capacity_);
  const size_t first = std::min(count, capacity_ - at);
  if (first > 0) std::memcpy(out, &samples_[at], first * sizeof(int16_t));
  if (count > first) std::memcpy(out + first, samples_.data(), (count - first) * sizeof(int16_t));
}

size_t PcmRing::clear(std::vector<uint32_t>& cleared, size_t fadeSamplesPerChannel) {
  std::lock_guard lock(mutex_);
  const uint64_t dropped = written_ - std::max(read_, fadeEnd_);
  for (const Mark& mark : marks_) cleared.push_back(mark.id);
  marks_.clear();
  if (fadeEnd_ <= read_) {
    // Nobody hears what waits for its time yet.
    const uint64_t heardEnd = cues_.empty() ? written_ : std::max(cues_.front().position, read_);
    const size_t fade = flowing_ ? std::min(static_cast<size_t>(heardEnd - read_), fadeSamplesPerChannel * channels_) : 0;
    fadeOut(fade);
    fadeEnd_ = read_ + fade;
  }
  written_ = fadeEnd_ = std::max(fadeEnd_, read_);
  cues_.clear();
  return static_cast<size_t>(dropped) / channels_;
}

void PcmRing::fadeOut(size_t count) {
  const auto steps = static_cast<int32_t>(count / channels_) + 1;
  for (size_t at = 0; at < count; ++at) {
    int16_t& sample = samples_[static_cast<size_t>((read_ + at) % capacity_)];
    sample = static_cast<int16_t>(sample * (steps - 1 - static_cast<int32_t>(at / channels_)) / steps);
  }
}

bool PcmRing::mark(uint32_t id) {
  std::lock_guard lock(mutex_);
  if (marks_.size() >= kMaximumMarks) return false;
  marks_.push_back({written_, id});
  return true;
}

size_t PcmRing::queuedSamplesPerChannel() const {
  std::lock_guard lock(mutex_);
  return static_cast<size_t>(written_ - std::max(read_, fadeEnd_)) / channels_;
}

}  // namespace troupe
