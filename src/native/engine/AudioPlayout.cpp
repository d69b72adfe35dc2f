#include "AudioPlayout.hpp"

#include <algorithm>

namespace troupe {

namespace {
/** More than these a tick are never due; a bound for what comes from the network. */
constexpr int kMaximumPopsPerTick = 16;
}  // namespace

AudioPlayout::AudioPlayout(PcmFormat format, const JitterBufferOptions& options)
    : buffer_(options), decoder_(std::make_unique<StreamDecoder>(format)) {}

JitterBuffer::Inserted AudioPlayout::insert(const EncodedFrame& frame, int64_t arrivalUs) {
  std::lock_guard lock(mutex_);
  const auto inserted = buffer_.insert(frame, arrivalUs);
  // What was sent before may come behind the goodbye; only what is still to be heard says otherwise.
  const bool isHeard = inserted == JitterBuffer::Inserted::accepted || inserted == JitterBuffer::Inserted::restarted;
  if (isHeard && frame.origin == EncodedFrame::Origin::packet) isEnded_ = false;
  return inserted;
}

void AudioPlayout::end() {
  std::lock_guard lock(mutex_);
  isEnded_ = true;
}

void AudioPlayout::setDelays(int64_t minimumDelayUs, int64_t maximumDelayUs) {
  std::lock_guard lock(mutex_);
  buffer_.setDelays(minimumDelayUs, maximumDelayUs);
}

void AudioPlayout::setRetransmissionUs(int64_t us) {
  std::lock_guard lock(mutex_);
  buffer_.setRetransmissionUs(us);
}

int64_t AudioPlayout::dueUs(int packets) const {
  std::lock_guard lock(mutex_);
  return buffer_.dueUs(packets);
}

PlayoutStats AudioPlayout::stats() const {
  std::lock_guard lock(mutex_);
  return {buffer_.stats(), decoding_};
}

void AudioPlayout::setFormat(PcmFormat format) {
  if (format != decoder_->format()) decoder_ = std::make_unique<StreamDecoder>(format, decoder_->stats());
}

void AudioPlayout::pause() {
  // A fresh one has no codec's decoder yet.
  decoder_ = std::make_unique<StreamDecoder>(decoder_->format(), decoder_->stats());
  std::lock_guard lock(mutex_);
  buffer_.reset();
}

bool AudioPlayout::produce(int64_t nowUs, PcmFrame& frame) {
  fill(nowUs);
  stretch(nowUs);
  const bool heard = decoder_->take(frame);
  std::lock_guard lock(mutex_);
  decoding_ = decoder_->stats();
  return heard;
}

void AudioPlayout::fill(int64_t nowUs) {
  for (int pops = 0; pops < kMaximumPopsPerTick && !decoder_->hasTick(); ++pops) {
    JitterBuffer::Output due;
    bool isOver = false;
    {
      std::lock_guard lock(mutex_);
      if (buffer_.isPlaying() && !decoder_->isFlowing()) buffer_.stall();
      due = kept(buffer_.pop(nowUs, decoder_->heldUs()));
      isOver = isEnded_ && buffer_.isDry();
    }
    if (due.kind == JitterBuffer::Kind::nothing) return;
    if (isOver) {
      decoder_->onEnd();
      return;
    }
    decode(due);
  }
}

void AudioPlayout::stretch(int64_t nowUs) {
  ++ticksSinceStretch_;
  if (!decoder_->hasTick()) return;
  int64_t excessUs = 0;
  int64_t spreadUs = 0;
  {
    std::lock_guard lock(mutex_);
    if (buffer_.isDry()) return;
    excessUs = buffer_.excessUs(nowUs, decoder_->heldUs());
    spreadUs = buffer_.spreadUs();
  }
  const bool inHaste = excessUs > kHasteUs;
  if (!inHaste && ticksSinceStretch_ < kTicksBetweenStretches) return;
  bool stretched = false;
  if (excessUs > kToleranceUs + spreadUs / 8) {
    while (!decoder_->canShorten() && decodeEarly(nowUs)) {
    }
    // With less in hand, what is taken out now may be concealed next.
    stretched = decoder_->canShorten() && decoder_->shorten(inHaste);
  } else if (excessUs < -kToleranceUs - spreadUs / 4) {
    stretched = decoder_->lengthen();
  }
  if (stretched) ticksSinceStretch_ = 0;
}

bool AudioPlayout::decodeEarly(int64_t nowUs) {
  JitterBuffer::Output next;
  {
    std::lock_guard lock(mutex_);
    next = kept(buffer_.popEarly(nowUs, decoder_->heldUs()));
  }
  if (next.kind == JitterBuffer::Kind::nothing) return false;
  decode(next);
  return true;
}

JitterBuffer::Output AudioPlayout::kept(JitterBuffer::Output due) {
  const size_t size = std::min(due.payload.size(), payload_.size());
  std::copy_n(due.payload.begin(), size, payload_.begin());
  due.payload = std::span(payload_).first(size);
  return due;
}

void AudioPlayout::decode(const JitterBuffer::Output& due) {
  if (due.kind == JitterBuffer::Kind::packet) decoder_->onPacket(due.codec, due.payload);
  else if (due.payload.empty()) decoder_->onMissing(due.duration);
  else decoder_->onRepair(due.codec, due.payload, due.wholeDuration, due.duration);
}

}  // namespace troupe
