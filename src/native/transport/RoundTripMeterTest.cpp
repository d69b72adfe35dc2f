#include "RoundTripMeter.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <stun/usages/ice.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

using namespace troupe::transport;

namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint32_t kPriority = 0x6e7f1eff;
const RoundTripMeter::Pair kPair{"far1:near", "farpasswordfarpassword", kPriority};

/** The far side, by libnice's own server of Binding requests. */
class Responder {
 public:
  explicit Responder(std::string password = kPair.password) : password_(std::move(password)) {
    stun_agent_init(&agent_, kKnown, STUN_COMPATIBILITY_RFC5389,
                    static_cast<StunAgentUsageFlags>(STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT));
  }

  /** Whether the request is one that an ICE agent answers. */
  bool accepts(Bytes request) {
    bytes_ = std::move(request);
    return stun_agent_validate(&agent_, &request_, bytes_.data(), bytes_.size(), validate, this) == STUN_VALIDATION_SUCCESS;
  }
  StunMessage& request() { return request_; }

  Bytes answer(const Bytes& request) {
    REQUIRE(accepts(request));
    sockaddr_storage from{};
    from.ss_family = AF_INET;
    bool isControlling = true;
    Bytes bytes(512);
    size_t size = bytes.size();
    StunMessage message;
    REQUIRE(stun_usage_ice_conncheck_create_reply(&agent_, &request_, &message, bytes.data(), &size, &from, sizeof(sockaddr_in),
                                                  &isControlling, 1, STUN_USAGE_ICE_COMPATIBILITY_RFC5245) ==
            STUN_USAGE_ICE_RETURN_SUCCESS);
    bytes.resize(size);
    return bytes;
  }

  Bytes refuse(const Bytes& request, StunError code) {
    REQUIRE(accepts(request));
    Bytes bytes(512);
    StunMessage message;
    REQUIRE(stun_agent_init_error(&agent_, &message, bytes.data(), bytes.size(), &request_, code));
    bytes.resize(stun_agent_finish_message(&agent_, &message, nullptr, 0));
    return bytes;
  }

 private:
  static bool validate(StunAgent*, StunMessage*, uint8_t*, uint16_t, uint8_t** password, size_t* size, void* self) {
    auto& text = static_cast<Responder*>(self)->password_;
    *password = reinterpret_cast<uint8_t*>(text.data());
    *size = text.size();
    return true;
  }

  static constexpr uint16_t kKnown[] = {STUN_ATTRIBUTE_USERNAME,       STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
                                        STUN_ATTRIBUTE_PRIORITY,       STUN_ATTRIBUTE_USE_CANDIDATE,
                                        STUN_ATTRIBUTE_ICE_CONTROLLED, STUN_ATTRIBUTE_ICE_CONTROLLING, 0};
  std::string password_;
  StunAgent agent_{};
  /** What `request_` refers to. */
  Bytes bytes_;
  StunMessage request_{};
};

Bytes send(RoundTripMeter& meter, int64_t nowUs, bool isControlling = false) {
  const auto request = meter.makeRequest(isControlling);
  meter.requestSent(nowUs);
  return {request.begin(), request.end()};
}

}  // namespace

TEST_SUITE("RoundTripMeter") {
  TEST_CASE("its request is an authenticated check that nominates nothing") {
    RoundTripMeter meter;
    meter.select(kPair);
    for (const bool isControlling : {false, true}) {
      Responder far;
      REQUIRE(far.accepts(send(meter, 0, isControlling)));
      uint16_t size = 0;
      const void* username = stun_message_find(&far.request(), STUN_ATTRIBUTE_USERNAME, &size);
      CHECK(std::string(static_cast<const char*>(username), size) == kPair.username);
      CHECK(stun_usage_ice_conncheck_priority(&far.request()) == kPriority);
      CHECK_FALSE(stun_usage_ice_conncheck_use_candidate(&far.request()));
      CHECK(stun_message_has_attribute(&far.request(), STUN_ATTRIBUTE_ICE_CONTROLLING) == isControlling);
      CHECK(stun_message_has_attribute(&far.request(), STUN_ATTRIBUTE_ICE_CONTROLLED) == !isControlling);
    }
    Responder other("anotherpasswordanother");
    CHECK_FALSE(other.accepts(send(meter, 0)));
  }

  TEST_CASE("the time to an answer is the round trip; the last and the sum are told") {
    RoundTripMeter meter;
    meter.select(kPair);
    Responder far;
    const Bytes first = far.answer(send(meter, 1'000));
    CHECK(meter.checks().currentRoundTripUs == -1);
    CHECK(meter.takeAnswer(first, 31'000));
    CHECK(meter.checks().currentRoundTripUs == 30'000);
    CHECK_FALSE(meter.takeAnswer(first, 32'000));
    CHECK(meter.takeAnswer(far.answer(send(meter, 5'000'000)), 5'010'000));
    CHECK(meter.checks().currentRoundTripUs == 10'000);
    CHECK(meter.checks().totalRoundTripUs == 40'000);
    CHECK(meter.checks().consentRequestsSent == 2);
    CHECK(meter.checks().responsesReceived == 2);
    meter.select(kPair);
    CHECK(meter.checks().consentRequestsSent == 0);
    CHECK(meter.checks().currentRoundTripUs == -1);
  }

  TEST_CASE("nothing else is taken for an answer") {
    RoundTripMeter meter;
    meter.select(kPair);
    Responder far;
    const Bytes late = far.answer(send(meter, 0));
    const Bytes request = send(meter, 1'000'000);
    const Bytes right = far.answer(request);
    CHECK_FALSE(meter.takeAnswer(late, 1'100'000));
    CHECK_FALSE(meter.takeAnswer(request, 1'100'000));
    CHECK_FALSE(meter.takeAnswer(far.refuse(request, STUN_ERROR_FORBIDDEN), 1'100'000));
    for (size_t size = 0; size < right.size(); ++size) {
      CHECK_FALSE(meter.takeAnswer(std::span(right).first(size), 1'100'000));
    }
    for (size_t at = 0; at < right.size(); ++at) {
      Bytes damaged = right;
      damaged[at] ^= 1;
      CHECK_FALSE(meter.takeAnswer(damaged, 1'100'000));
    }
    RoundTripMeter unsent;
    unsent.select(kPair);
    const auto made = unsent.makeRequest(false);
    CHECK_FALSE(unsent.takeAnswer(far.answer({made.begin(), made.end()}), 0));
  }

  TEST_CASE("an answer under another password is none") {
    RoundTripMeter meter;
    meter.select({kPair.username, "anotherpasswordanother", kPriority});
    const Bytes request = send(meter, 0);
    Responder knowing("anotherpasswordanother");
    Bytes answer = knowing.answer(request);
    RoundTripMeter other;
    other.select(kPair);
    Bytes foreign = send(other, 0);
    Responder far;
    Bytes forged = far.answer(foreign);
    std::memcpy(forged.data() + 4, request.data() + 4, 16);
    CHECK_FALSE(meter.takeAnswer(forged, 1));
    CHECK(meter.takeAnswer(answer, 1));
  }

  TEST_CASE("it asks sooner until the first answer, then every 4 to 6 s") {
    RoundTripMeter meter;
    meter.select(kPair);
    for (const int64_t delayMs : {250, 1'000, 2'000, 4'000, 5'000, 5'000}) CHECK(meter.nextDelayMs() == delayMs);
    Responder far;
    REQUIRE(meter.takeAnswer(far.answer(send(meter, 0)), 1));
    for (int round = 0; round < 100; ++round) {
      const int64_t delayMs = meter.nextDelayMs();
      CHECK(delayMs >= 4'000);
      CHECK(delayMs <= 6'000);
    }
  }
}
