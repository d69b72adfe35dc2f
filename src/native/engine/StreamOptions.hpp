#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "AudioEncoder.hpp"

namespace troupe {

enum class MediaKind : uint8_t { audio, video };

/** Hz: that of the RTP clock of every video codec (RFC 3551, section 5). */
inline constexpr uint32_t kVideoClockRate = 90'000;

struct CodecParameters {
  uint8_t payloadType = 0;
  /** Lower-case. */
  std::string name;
  uint32_t clockRate = 48'000;
  int channels = 2;
  /** `rtx`: the payload type that it repairs (RFC 4588). `red`: that of the primary encoding (RFC 2198). -1: none. */
  int associatedPayloadType = -1;
};

struct ReceiverOptions {
  MediaKind kind = MediaKind::audio;
  std::string mid;
  std::vector<uint32_t> ssrcs;
  std::vector<CodecParameters> codecs;
  bool nack = false;
  /** SSRC of a stream, and the SSRC that its retransmissions come with (RFC 4588, from `ssrc-group:FID`). */
  std::vector<std::pair<uint32_t, uint32_t>> retransmissionSsrcs;
  int minimumDelayMs = 20;
  int maximumDelayMs = 400;
  /** What its sender is told that it may use (REMB), in bit/s; 0 tells it nothing. */
  uint64_t maximumBitRate = 0;
};

struct SenderOptions {
  /** RTX (RFC 4588): what is sent again goes out as a stream of its own. */
  struct Retransmission {
    uint32_t ssrc = 0;
    uint8_t payloadType = 0;
  };
  /** RED (RFC 2198): each packet carries the payloads of so many before it. */
  struct Redundancy {
    uint8_t payloadType = 0;
    int distance = 1;
  };

  MediaKind kind = MediaKind::audio;
  std::string mid;
  uint32_t ssrc = 0;
  std::string cname;
  CodecParameters codec;
  OpusParameters opus;
  /** Whether requests for what was lost are answered. */
  bool nack = false;
  /** Without it, packets are sent again as they were. */
  std::optional<Retransmission> retransmission;
  std::optional<Redundancy> redundancy;
  /** How long an empty source is still encoded as silence, which costs libopus four fifths of what a voice does. */
  int hangoverMs = 100;
};

struct ForwardingOptions {
  std::string mid;
  /** Hz of the RTP clock; the receiver's codec says it. */
  uint32_t clockRate = 48'000;
  uint32_t ssrc = 0;
  std::string cname;
  /** At the receiver, and at the far peer. */
  std::vector<std::pair<uint8_t, uint8_t>> payloadTypes;
  bool nack = false;
  /** RTX: its SSRC (0 for none), and the payload types at the far peer with those of their retransmissions. */
  uint32_t retransmissionSsrc = 0;
  std::vector<std::pair<uint8_t, uint8_t>> retransmissionPayloadTypes;
  /** The simulcast layer that is wanted, where the source has layers. */
  std::string layer;
};

/** WebRTC's names; times in seconds unless said otherwise. */
struct InboundStats {
  uint32_t receiver = 0;
  uint32_t ssrc = 0;
  MediaKind kind = MediaKind::audio;
  std::string mid;
  /** The simulcast layer; empty for none. */
  std::string rid;
  int payloadType = 0;
  uint64_t packetsReceived = 0;
  uint64_t bytesReceived = 0;
  uint64_t headerBytesReceived = 0;
  int64_t packetsLost = 0;
  uint64_t packetsDiscarded = 0;
  uint64_t packetsDuplicated = 0;
  double jitter = 0;
  double jitterBufferDelay = 0;
  double jitterBufferTargetDelay = 0;
  double jitterBufferMinimumDelay = 0;
  uint64_t jitterBufferEmittedCount = 0;
  uint64_t totalSamplesReceived = 0;
  uint64_t concealedSamples = 0;
  uint64_t silentConcealedSamples = 0;
  uint64_t concealmentEvents = 0;
  uint64_t insertedSamplesForDeceleration = 0;
  uint64_t removedSamplesForAcceleration = 0;
  uint64_t nackCount = 0;
  uint64_t pliCount = 0;
  uint64_t fecPacketsReceived = 0;
  uint64_t fecPacketsDiscarded = 0;
  uint64_t retransmittedPacketsReceived = 0;
  uint64_t retransmittedBytesReceived = 0;
  double audioLevel = 0;
  double totalAudioEnergy = 0;
  double totalSamplesDuration = 0;
  /** Monotonic, in us; 0 before the first. */
  int64_t lastPacketUs = 0;
};

/** Transport-wide feedback of one peer, both ways. */
struct TransportFeedbackStats {
  uint32_t messagesSent = 0;
  uint32_t messagesReceived = 0;
  /** What the far side said of our packets; one that comes late may have been told as lost before. */
  uint64_t packetsReported = 0;
  uint64_t packetsReportedLost = 0;
};

struct OutboundStats {
  uint32_t sender = 0;
  uint32_t ssrc = 0;
  MediaKind kind = MediaKind::audio;
  std::string mid;
  int payloadType = 0;
  uint64_t packetsSent = 0;
  uint64_t bytesSent = 0;
  uint64_t headerBytesSent = 0;
  uint64_t retransmittedPacketsSent = 0;
  uint64_t retransmittedBytesSent = 0;
  /** Monotonic, in us; 0 before the first. */
  int64_t lastPacketSentUs = 0;
  uint64_t nackCount = 0;
  uint64_t pliCount = 0;
  /** -1 while no report has come. */
  double roundTripTime = -1;
  double remoteFractionLost = -1;
  double remotePacketsLost = -1;
  double remoteJitter = -1;
};

}  // namespace troupe
