#pragma once

#include <stun/stunagent.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "Statistics.hpp"

namespace troupe::transport {

/**
 * Measures the round trip of a selected pair by authenticated Binding requests (RFC 8445, section 7.2.2; RFC 7675), one at
 * a time: libnice sends such requests too, and tells nothing of them. Time is an argument.
 */
class RoundTripMeter {
 public:
  /** Of the pair that is measured. */
  struct Pair {
    /** Username fragments of the far side and of this one, with a colon between. */
    std::string username;
    /** The far side's. */
    std::string password;
    /** Of a peer-reflexive candidate in the place of the local one (RFC 8445, section 7.1.1). */
    uint32_t priority = 0;
  };

  RoundTripMeter();

  /** Another pair: everything begins anew. */
  void select(Pair pair);
  /** The next request; an answer to the one before is not waited for any more. Empty when it cannot be made. */
  std::span<const uint8_t> makeRequest(bool isControlling);
  void requestSent(int64_t nowUs);
  /** From now to the next request: 4 to 6 s (RFC 7675, section 5.1); sooner as long as none was answered. */
  int64_t nextDelayMs();
  /** Whether it is the answer that is waited for; everything else is not touched. */
  bool takeAnswer(std::span<const uint8_t> message, int64_t nowUs);

  const PairChecks& checks() const { return checks_; }

 private:
  /** There only while an answer is waited for: the library's record of transactions takes 13 kB. */
  struct Transaction {
    StunAgent agent{};
    StunTransactionId id{};
    std::array<uint8_t, 512> request{};
    int64_t sentUs = -1;
  };

  const uint64_t tieBreaker_;
  Pair pair_;
  std::unique_ptr<Transaction> transaction_;
  /** The next, as long as no request was answered. */
  int64_t delayMs_;
  PairChecks checks_;
};

}  // namespace troupe::transport
