#include "SrtpSession.hpp"

#include <array>
#include <stdexcept>

#include "SrtpAesGcm.hpp"

namespace troupe::transport {

namespace {

// Retransmissions by NACK arrive up to a second late; at 50 packets a second of audio and a few hundred of video the
// default of 128 would refuse them.
constexpr unsigned long kReplayWindowPackets = 1024;

struct Profile {
  const char* name;
  srtp_profile_t id;
};

constexpr std::array<Profile, 3> kProfiles = {{
    {"SRTP_AEAD_AES_128_GCM", srtp_profile_aead_aes_128_gcm},
    {"SRTP_AEAD_AES_256_GCM", srtp_profile_aead_aes_256_gcm},
    {"SRTP_AES128_CM_SHA1_80", srtp_profile_aes128_cm_sha1_80},
}};

void initialiseLibrary() {
  static const srtp_err_status_t status = [] {
    const srtp_err_status_t started = srtp_init();
    // Where libsrtp was built without AES-GCM, or refuses ours, it goes on with what it has.
    if (started == srtp_err_status_ok) useOpensslForAesGcm();
    return started;
  }();
  if (status != srtp_err_status_ok) throw std::runtime_error("libsrtp could not start");
}

srtp_profile_t profileByName(const std::string& name) {
  for (const Profile& profile : kProfiles) {
    if (name == profile.name) return profile.id;
  }
  throw std::runtime_error("unknown SRTP profile " + name);
}

srtp_t createContext(srtp_profile_t profile, srtp_ssrc_type_t direction, const std::vector<uint8_t>& key) {
  initialiseLibrary();
  srtp_policy_t policy{};
  if (srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile) != srtp_err_status_ok ||
      srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile) != srtp_err_status_ok) {
    return nullptr;
  }
  policy.ssrc.type = direction;
  policy.key = const_cast<unsigned char*>(key.data());
  policy.window_size = kReplayWindowPackets;
  // A retransmission out of the history is the same packet under the same number.
  policy.allow_repeat_tx = 1;
  srtp_t context = nullptr;
  return srtp_create(&context, &policy) == srtp_err_status_ok ? context : nullptr;
}

bool isSupported(srtp_profile_t profile) {
  const std::vector<uint8_t> key(srtp_profile_get_master_key_length(profile) +
                                 srtp_profile_get_master_salt_length(profile));
  srtp_t context = createContext(profile, ssrc_any_outbound, key);
  if (!context) return false;
  srtp_dealloc(context);
  return true;
}

UnprotectResult resultOf(srtp_err_status_t status) {
  if (status == srtp_err_status_ok) return UnprotectResult::ok;
  if (status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old) return UnprotectResult::replay;
  return UnprotectResult::failed;
}

}  // namespace

const std::string& SrtpSession::profiles() {
  static const std::string joined = [] {
    std::string names;
    for (const Profile& profile : kProfiles) {
      // Distributions build libsrtp with and without AES-GCM.
      if (!isSupported(profile.id)) continue;
      if (!names.empty()) names += ':';
      names += profile.name;
    }
    return names;
  }();
  return joined;
}

SrtpSession::KeySizes SrtpSession::keySizes(const std::string& name) {
  const srtp_profile_t profile = profileByName(name);
  return {srtp_profile_get_master_key_length(profile), srtp_profile_get_master_salt_length(profile)};
}

SrtpSession::SrtpSession(const std::string& name, const std::vector<uint8_t>& localKey,
                         const std::vector<uint8_t>& remoteKey) {
  const srtp_profile_t profile = profileByName(name);
  outbound_ = createContext(profile, ssrc_any_outbound, localKey);
  inbound_ = createContext(profile, ssrc_any_inbound, remoteKey);
  if (outbound_ && inbound_) return;
  if (outbound_) srtp_dealloc(outbound_);
  if (inbound_) srtp_dealloc(inbound_);
  throw std::runtime_error("libsrtp refused the keys");
}

SrtpSession::~SrtpSession() {
  srtp_dealloc(outbound_);
  srtp_dealloc(inbound_);
}

bool SrtpSession::protectRtp(uint8_t* buffer, size_t& size) {
  int length = static_cast<int>(size);
  std::lock_guard lock(outboundMutex_);
  if (srtp_protect(outbound_, buffer, &length) != srtp_err_status_ok) return false;
  size = static_cast<size_t>(length);
  return true;
}

bool SrtpSession::protectRtcp(uint8_t* buffer, size_t& size) {
  int length = static_cast<int>(size);
  std::lock_guard lock(outboundMutex_);
  if (srtp_protect_rtcp(outbound_, buffer, &length) != srtp_err_status_ok) return false;
  size = static_cast<size_t>(length);
  return true;
}

UnprotectResult SrtpSession::unprotectRtp(uint8_t* data, size_t& size) {
  int length = static_cast<int>(size);
  const UnprotectResult result = resultOf(srtp_unprotect(inbound_, data, &length));
  if (result == UnprotectResult::ok) size = static_cast<size_t>(length);
  return result;
}

UnprotectResult SrtpSession::unprotectRtcp(uint8_t* data, size_t& size) {
  int length = static_cast<int>(size);
  const UnprotectResult result = resultOf(srtp_unprotect_rtcp(inbound_, data, &length));
  if (result == UnprotectResult::ok) size = static_cast<size_t>(length);
  return result;
}

}  // namespace troupe::transport
