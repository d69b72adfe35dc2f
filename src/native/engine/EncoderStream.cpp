#include "EncoderStream.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace troupe {

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::min() / 2;
/** RFC 6464 wants a guess whether it is voice; louder than this counts. */
constexpr double kVoiceDbov = -50;
/** A sender that reports loss is believed up to here; beyond it more redundancy helps no further. */
constexpr int kMaximumExpectedLossPercent = 50;

}  // namespace

EncoderStream::EncoderStream(std::shared_ptr<Producer> producer, const AudioEncoding& encoding, int hangoverMs,
                             uint32_t phase)
    : producer_(std::move(producer)),
      encoding_(encoding),
      hangoverMs_(hangoverMs),
      ticksPerPacket_(encoding.opus.frameMs / kTickMs),
      phase_(phase),
      firstTick_(phase % static_cast<uint32_t>(ticksPerPacket_)),
      encoder_(AudioEncoder::create(encoding, producer_->preferredFormat().rateHz)),
      output_(producer_->open(encoder_->format())),
      samples_(output_->format().samples() * static_cast<size_t>(ticksPerPacket_), 0),
      lastHeardTick_(kNever),
      lastSentStart_(kNever) {}

EncoderStream::~EncoderStream() { producer_->close(output_); }

bool EncoderStream::update(const Producer* producer, const AudioEncoding& encoding, int hangoverMs) {
  if (producer_.get() != producer || hangoverMs_ != hangoverMs || !encoder_->update(encoding)) return false;
  encoding_ = encoding;
  return true;
}

void EncoderStream::run(const Tick& tick) {
  const int64_t slot = slotOf(tick.number);
  collect(tick, slot);
  if (!sendsIn(tick.number)) return;
  if (heard_ || tick.number - lastHeardTick_ <= hangoverMs_ / kTickMs) encode(tick);
  if (heard_) std::fill(samples_.begin(), samples_.end(), int16_t{0});
  heard_ = false;
}

void EncoderStream::collect(const Tick& tick, int64_t slot) {
  const PcmFrame* frame = producer_->pull(*output_, tick);
  if (frame == nullptr) return;
  const size_t count = output_->format().samples();
  int16_t* const start = samples_.data() + static_cast<size_t>(slot) * count;
  std::copy_n(frame->samples.begin(), count, start);
  if (frame->cleared && heard_) takeBack(start);
  heard_ = true;
  lastHeardTick_ = tick.number;
}

void EncoderStream::takeBack(int16_t* frameStart) {
  const PcmFormat& format = output_->format();
  const auto channels = static_cast<size_t>(format.channels);
  const size_t fade = format.fadeSamplesPerChannel();
  for (size_t at = 0; at < fade * channels; ++at)
    samples_[at] = static_cast<int16_t>(samples_[at] * static_cast<int>(fade - at / channels) / static_cast<int>(fade + 1));
  std::fill(samples_.data() + fade * channels, frameStart + fade * channels, int16_t{0});
}

void EncoderStream::encode(const Tick& tick) {
  if (!hasWritableSender()) return;
  encoder_->setExpectedLoss(expectedLossPercent());
  std::array<uint8_t, kMaximumRtpPacketBytes> payload;
  const size_t size = encoder_->encode(samples_, std::span(payload).first(kMaximumOwnFrameBytes));
  if (size == 0) return;
  level_.add(samples_);
  const double dBov = level_.take().rmsDbov;
  EncodedPacket packet;
  packet.payload = std::span(payload).first(size);
  packet.startTick = tick.number - (ticksPerPacket_ - 1);
  packet.beginsTalkspurt = packet.startTick - lastSentStart_ != ticksPerPacket_;
  packet.level.dBov = static_cast<int8_t>(std::lround(std::clamp(dBov, -127.0, 0.0)));
  packet.level.voice = dBov > kVoiceDbov;
  lastSentStart_ = packet.startTick;
  send(packet, tick);
}

int EncoderStream::expectedLossPercent() const {
  int highest = 0;
  for (const auto& sender : senders()) highest = std::max(highest, sender->feedback().expectedLossPercent());
  return std::max(encoding_.opus.expectedLossPercent, std::min(highest, kMaximumExpectedLossPercent));
}

}  // namespace troupe
