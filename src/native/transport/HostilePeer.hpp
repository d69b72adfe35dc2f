#pragma once
// Test equipment: a far side that is let in, and then sends what no far side should.

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "Certificate.hpp"
#include "Dcep.hpp"
#include "DtlsEndpoint.hpp"
#include "HostileTraffic.hpp"
#include "IceConnection.hpp"
#include "IoThread.hpp"
#include "PacketKind.hpp"
#include "SctpAssociation.hpp"
#include "SrtpSession.hpp"
#include "Types.hpp"

namespace troupe::transport {

/** CRC32c as SCTP has it (RFC 9260, appendix A). */
inline uint32_t sctpChecksum(const std::vector<uint8_t>& packet) {
  uint32_t sum = ~0u;
  for (const uint8_t byte : packet) {
    sum ^= byte;
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? 0x82F63B78u : 0u);
  }
  return ~sum;
}

inline void writeSctpChecksum(std::vector<uint8_t>& packet) {
  constexpr size_t kChecksumAt = 8;
  if (packet.size() < kChecksumAt + 4) return;
  std::fill_n(packet.begin() + kChecksumAt, 4, uint8_t{0});
  const uint32_t sum = sctpChecksum(packet);
  for (size_t i = 0; i < 4; ++i) packet[kChecksumAt + i] = static_cast<uint8_t>(sum >> 8 * i);
}

/**
 * Answers a transport's offer with our own ICE, DTLS, SRTP and SCTP, damages what these send, and once connected sends
 * nonsense under the right keys. A handshake that is damaged too, whose messages nothing protects, seldom ends. A seed
 * decides what. All on the I/O thread.
 */
class HostilePeer final : private IceListener, private DtlsListener, private SctpListener {
 public:
  struct Options {
    uint32_t seed = 1;
    /** Active or passive. */
    Setup setup = Setup::active;
    bool damagesHandshake = false;
  };

  HostilePeer(IoThread& thread, const Options& options, HostileCounts& counts)
      : thread_(thread),
        options_(options),
        random_(options.seed),
        ice_(thread, TransportOptions{}, *this),
        dtls_(std::make_unique<DtlsEndpoint>(thread, Certificate::ofProcess(), static_cast<DtlsListener&>(*this))),
        datagrams_(random_, counts, Layer::dtls, kMaximumDatagramBytes, sender()),
        media_(random_, counts, Layer::srtp, kMaximumDatagramBytes, sender()),
        chunks_(random_, counts, Layer::sctp, kMaximumRecordBytes,
                [this](const uint8_t* data, size_t size) { dtls_->send(data, size); }, writeSctpChecksum),
        counts_(counts) {}

  /** Takes the offer and gives the answer, which has every candidate. */
  TransportParameters answer(const TransportParameters& offer) {
    ice_.gather();
    TransportParameters local;
    local.iceUfrag = ice_.localUfrag();
    local.icePwd = ice_.localPassword();
    local.setup = options_.setup;
    local.fingerprintAlgorithm = "sha-256";
    local.fingerprint = Certificate::ofProcess()->fingerprint();
    local.candidates = ice_.localCandidates();
    local.maxMessageSize = kMaximumMessageBytes;
    offer_ = offer;
    ice_.setRemoteCredentials(offer.iceUfrag, offer.icePwd);
    for (const std::string& candidate : offer.candidates) ice_.addRemoteCandidate(candidate);
    return local;
  }

  /** One step: a little of everything. */
  void attack() {
    datagrams_.flush();
    media_.flush();
    if (dtls_->state() == DtlsEndpoint::State::connected) {
      chunks_.flush();
      attackChannels();
      if (srtp_) attackMedia();
    }
    if (damagesNow()) datagrams_.forge(randomBytes(static_cast<uint8_t>(20 + random_() % 44), 13 + random_() % 400));
  }

  void close() {
    association_.reset();
    dtls_->close();
    ice_.close();
  }

 private:
  static constexpr size_t kMaximumDatagramBytes = 60'000;
  static constexpr size_t kMaximumRecordBytes = 16'000;
  static constexpr size_t kOversizedMessageBytes = kMaximumMessageBytes + 50'000;
  static constexpr uint32_t kSsrc = 0x1234;

  bool damagesNow() const { return options_.damagesHandshake || srtp_ != nullptr; }

  Mangler::Send sender() {
    return [this](const uint8_t* data, size_t size) { ice_.send(data, size, 0); };
  }

  std::vector<uint8_t> randomBytes(uint8_t first, size_t size) {
    std::vector<uint8_t> bytes(std::max<size_t>(size, 1));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_());
    bytes[0] = first;
    return bytes;
  }

  void attackMedia() {
    // Two, so that one may overtake the other.
    for (int i = 0; i < 2; ++i) protect(nextRtp(), true, false);
    // Any flags, extensions and payload types; any report.
    protect(randomBytes(static_cast<uint8_t>(0x80 | random_() % 64), 12 + random_() % 300), true, true);
    std::vector<uint8_t> report = randomBytes(static_cast<uint8_t>(0x80 | random_() % 64), 8 + random_() % 200);
    report[1] = static_cast<uint8_t>(200 + random_() % 8);
    if (random_() % 2 == 0) {
      report[2] = 0;
      report[3] = static_cast<uint8_t>(report.size() / 4 - 1);
    }
    protect(std::move(report), false, true);
  }

  std::vector<uint8_t> nextRtp() {
    std::vector<uint8_t> packet = randomBytes(0x80, 12 + random_() % 200);
    packet[1] = 111;
    packet[2] = static_cast<uint8_t>(sequence_ >> 8);
    packet[3] = static_cast<uint8_t>(sequence_++);
    const uint32_t words[] = {sequence_ * 960u, kSsrc};
    for (size_t i = 0; i < 8; ++i) packet[4 + i] = static_cast<uint8_t>(words[i / 4] >> (24 - 8 * (i % 4)));
    return packet;
  }

  void protect(std::vector<uint8_t> packet, bool isRtp, bool isForged) {
    size_t size = packet.size();
    packet.resize(size + SrtpSession::kTrailerBytes);
    if (!(isRtp ? srtp_->protectRtp(packet.data(), size) : srtp_->protectRtcp(packet.data(), size))) return;
    packet.resize(size);
    if (isForged) return media_.forge(packet);
    media_.pass(packet.data(), packet.size());
  }

  void attackChannels() {
    datagrams_.flush();
    if (association_ && isAssociated_) sendMessages();
    if (lastChunks_.size() > 12) {
      // Ports and tag of the association, then chunks of any kind.
      std::vector<uint8_t> forged(lastChunks_.begin(), lastChunks_.begin() + 12);
      const std::vector<uint8_t> chunk = randomBytes(static_cast<uint8_t>(random_() % 20), 4 + random_() % 200);
      forged.insert(forged.end(), chunk.begin(), chunk.end());
      if (random_() % 2 == 0) forged[14] = 0;
      writeSctpChecksum(forged);
      // An ABORT in every second step would leave nothing to attack.
      if (random_() % 8 == 0) chunks_.forge(forged);
    }
    // Under the right keys, but no SCTP.
    if (random_() % 4 == 0) {
      const std::vector<uint8_t> nonsense = randomBytes(static_cast<uint8_t>(random_()), 1 + random_() % 1000);
      if (dtls_->send(nonsense.data(), nonsense.size())) counts_.count(Layer::sctp, Damage::forged);
    }
  }

  void sendMessages() {
    static constexpr uint32_t kProtocols[] = {50, 51, 53, 56, 57, 52, 54, 0};
    // Most on a few streams, so that channels that were opened get messages; some on streams that there are not.
    const auto stream = static_cast<uint16_t>(random_() % (random_() % 8 == 0 ? 1100 : 16));
    ChannelOptions options;
    options.ordered = random_() % 2 == 0;
    if (random_() % 4 == 0) options.maxRetransmits = static_cast<int>(random_() % 3);
    std::vector<uint8_t> message = randomBytes(static_cast<uint8_t>(random_() % 4), 1 + random_() % 3000);
    uint32_t protocol = kProtocols[random_() % std::size(kProtocols)];
    if (random_() % 3 == 0) {
      message = writeDcepOpen({std::string(random_() % 40, 'x'), options});
      protocol = 50;
    } else if (random_() % 64 == 0) {
      message = randomBytes(0, kOversizedMessageBytes);
      protocol = 53;
    }
    const auto result = association_->send(stream, protocol, message.data(), message.size(), options);
    if (result != SctpAssociation::SendResult::sent) return;
    counts_.count(Layer::sctp, message.size() > kMaximumMessageBytes ? Damage::oversized : Damage::forged);
    if (random_() % 16 == 0) association_->resetStream(stream);
  }

  void onLocalCandidate(const std::string&) override {}
  void onGathered() override {}
  void onSelectedPair() override {}
  void onRelayTlsFailed() override {}
  void onIceState(IceState state) override {
    if (state != IceState::connected || dtls_->state() != DtlsEndpoint::State::fresh) return;
    dtls_->start(options_.setup == Setup::active, offer_.fingerprintAlgorithm, offer_.fingerprint);
  }
  void onDatagram(uint8_t* data, size_t size) override {
    if (classifyPacket(data, size) == PacketKind::dtls) dtls_->receive(data, size);
  }

  bool sendDtls(const uint8_t* data, size_t size) override {
    if (!damagesNow()) return ice_.send(data, size, 0);
    datagrams_.pass(data, size);
    return true;
  }
  void onDtlsConnected(const SrtpKeys& keys) override {
    srtp_ = std::make_unique<SrtpSession>(keys.profile, keys.local, keys.remote);
    association_ = std::make_unique<SctpAssociation>(thread_, kSctpPort, kSctpPort, static_cast<SctpListener&>(*this));
  }
  void onDtlsData(const uint8_t* data, size_t size) override {
    if (association_) association_->receive(data, size);
  }
  void onDtlsDropped(Drop) override {}
  void onDtlsClosed() override {}
  void onDtlsFailed(const std::string&) override {}

  void sendSctp(const uint8_t* data, size_t size) override {
    lastChunks_.assign(data, data + size);
    chunks_.pass(data, size);
  }
  void onSctpConnected(uint16_t) override { isAssociated_ = true; }
  void onSctpMessage(uint16_t, uint32_t, std::vector<uint8_t>) override {}
  void onSctpOversized(uint16_t) override {}
  void onSctpWritable() override {}
  void onSctpStreamReset(uint16_t, bool) override {}
  void onSctpClosed() override { isAssociated_ = false; }

  IoThread& thread_;
  const Options options_;
  std::mt19937 random_;
  IceConnection ice_;
  std::unique_ptr<DtlsEndpoint> dtls_;
  Mangler datagrams_;
  Mangler media_;
  Mangler chunks_;
  HostileCounts& counts_;
  std::unique_ptr<SrtpSession> srtp_;
  std::unique_ptr<SctpAssociation> association_;
  TransportParameters offer_;
  std::vector<uint8_t> lastChunks_;
  uint16_t sequence_ = 0;
  bool isAssociated_ = false;
};

}  // namespace troupe::transport
