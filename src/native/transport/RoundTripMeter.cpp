#include "RoundTripMeter.hpp"

#include <glib.h>
#include <stun/usages/ice.h>

#include <algorithm>
#include <utility>

namespace troupe::transport {

namespace {

// The checks that chose the pair are answered then: libnice reads what comes close behind them.
constexpr int64_t kFirstDelayMs = 250;
constexpr int64_t kUnansweredDelayMs = 1'000;
constexpr int64_t kMeanDelayMs = 5'000;
constexpr gint32 kLeastDelayMs = 4'000;
constexpr gint32 kMostDelayMs = 6'000;
constexpr size_t kHeaderBytes = 20;
constexpr size_t kTransactionIdAt = 4;

// Those that an answer to a Binding request may have; one with another that must be understood is no answer.
constexpr std::array<uint16_t, 8> kKnownAttributes = {STUN_ATTRIBUTE_MAPPED_ADDRESS,
                                                      STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS,
                                                      STUN_ATTRIBUTE_USERNAME,
                                                      STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
                                                      STUN_ATTRIBUTE_ERROR_CODE,
                                                      STUN_ATTRIBUTE_PRIORITY,
                                                      STUN_ATTRIBUTE_USE_CANDIDATE,
                                                      0};

const uint8_t* bytesOf(const std::string& text) { return reinterpret_cast<const uint8_t*>(text.data()); }

}  // namespace

RoundTripMeter::RoundTripMeter()
    : tieBreaker_(uint64_t{g_random_int()} << 32 | g_random_int()), delayMs_(kFirstDelayMs) {}

void RoundTripMeter::select(Pair pair) {
  // It refers to the password.
  transaction_.reset();
  pair_ = std::move(pair);
  checks_ = {};
  delayMs_ = kFirstDelayMs;
}

std::span<const uint8_t> RoundTripMeter::makeRequest(bool isControlling) {
  transaction_ = std::make_unique<Transaction>();
  const auto usage =
      static_cast<StunAgentUsageFlags>(STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
  stun_agent_init(&transaction_->agent, kKnownAttributes.data(), STUN_COMPATIBILITY_RFC5389, usage);
  StunMessage message;
  // Without USE-CANDIDATE: it measures, and chooses nothing.
  const size_t size = stun_usage_ice_conncheck_create(
      &transaction_->agent, &message, transaction_->request.data(), transaction_->request.size(), bytesOf(pair_.username),
      pair_.username.size(), bytesOf(pair_.password), pair_.password.size(), false, isControlling, pair_.priority,
      tieBreaker_, nullptr, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
  if (size == 0) {
    transaction_.reset();
    return {};
  }
  stun_message_id(&message, transaction_->id);
  return {transaction_->request.data(), size};
}

void RoundTripMeter::requestSent(int64_t nowUs) {
  if (!transaction_) return;
  transaction_->sentUs = nowUs;
  ++checks_.consentRequestsSent;
}

int64_t RoundTripMeter::nextDelayMs() {
  if (checks_.responsesReceived > 0) return g_random_int_range(kLeastDelayMs, kMostDelayMs + 1);
  const int64_t delayMs = delayMs_;
  delayMs_ = std::clamp(2 * delayMs, kUnansweredDelayMs, kMeanDelayMs);
  return delayMs;
}

bool RoundTripMeter::takeAnswer(std::span<const uint8_t> message, int64_t nowUs) {
  if (!transaction_ || transaction_->sentUs < 0 || message.size() < kHeaderBytes) return false;
  const auto id = message.subspan(kTransactionIdAt, sizeof transaction_->id);
  if (!std::equal(id.begin(), id.end(), transaction_->id)) return false;
  StunMessage answer;
  const StunValidationStatus status =
      stun_agent_validate(&transaction_->agent, &answer, message.data(), message.size(), nullptr, nullptr);
  if (status != STUN_VALIDATION_SUCCESS || stun_message_get_class(&answer) != STUN_RESPONSE) return false;
  checks_.currentRoundTripUs = std::max<int64_t>(nowUs - transaction_->sentUs, 0);
  checks_.totalRoundTripUs += checks_.currentRoundTripUs;
  ++checks_.responsesReceived;
  transaction_.reset();
  return true;
}

}  // namespace troupe::transport
