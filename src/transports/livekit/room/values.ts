import {
  AudioTrackFeature,
  Encryption_Type,
  ParticipantInfo_Kind,
  ParticipantInfo_KindDetail,
  SubscriptionError,
  TrackType,
  ConnectionQuality as WireQuality,
  TrackSource as WireSource,
  StreamState as WireStreamState,
} from "@livekit/protocol";

/** Names for the numbers of a protocol enumeration; `fallback` for a number that a newer server invented. */
function namesOf<Name extends string>(names: Readonly<Record<number, Name>>, fallback: Name) {
  return (value: number): Name => names[value] ?? fallback;
}

/** `reconnecting` while the connection is lost and comes back by itself. */
export type RoomConnectionState = "disconnected" | "connected" | "reconnecting";

/** What a participant is: a person's client, a recorder, a telephone, an agent and so on. */
export type ParticipantKind =
  | "standard"
  | "ingress"
  | "egress"
  | "sip"
  | "agent"
  | "connector"
  | "bridge"
  | "unknown";

export const participantKindOf = namesOf<ParticipantKind>(
  {
    [ParticipantInfo_Kind.STANDARD]: "standard",
    [ParticipantInfo_Kind.INGRESS]: "ingress",
    [ParticipantInfo_Kind.EGRESS]: "egress",
    [ParticipantInfo_Kind.SIP]: "sip",
    [ParticipantInfo_Kind.AGENT]: "agent",
    [ParticipantInfo_Kind.CONNECTOR]: "connector",
    [ParticipantInfo_Kind.BRIDGE]: "bridge",
  },
  "unknown",
);

/** What a participant is, more exactly. */
export type ParticipantKindDetail =
  | "cloudAgent"
  | "forwarded"
  | "connectorWhatsapp"
  | "connectorTwilio"
  | "bridgeRtsp"
  | "simulation"
  | "unknown";

export const participantKindDetailOf = namesOf<ParticipantKindDetail>(
  {
    [ParticipantInfo_KindDetail.CLOUD_AGENT]: "cloudAgent",
    [ParticipantInfo_KindDetail.FORWARDED]: "forwarded",
    [ParticipantInfo_KindDetail.CONNECTOR_WHATSAPP]: "connectorWhatsapp",
    [ParticipantInfo_KindDetail.CONNECTOR_TWILIO]: "connectorTwilio",
    [ParticipantInfo_KindDetail.BRIDGE_RTSP]: "bridgeRtsp",
    [ParticipantInfo_KindDetail.SIMULATION]: "simulation",
  },
  "unknown",
);

export type TrackKind = "audio" | "video" | "unknown";

export const trackKindOf = namesOf<TrackKind>(
  { [TrackType.AUDIO]: "audio", [TrackType.VIDEO]: "video" },
  "unknown",
);

/** Where a track comes from. */
export type TrackSource = "unknown" | "camera" | "microphone" | "screenShare" | "screenShareAudio";

export const trackSourceOf = namesOf<TrackSource>(
  {
    [WireSource.CAMERA]: "camera",
    [WireSource.MICROPHONE]: "microphone",
    [WireSource.SCREEN_SHARE]: "screenShare",
    [WireSource.SCREEN_SHARE_AUDIO]: "screenShareAudio",
  },
  "unknown",
);

/** How the frames of a track are encrypted end to end. */
export type EncryptionType = "none" | "gcm" | "custom";

export const encryptionTypeOf = namesOf<EncryptionType>(
  {
    [Encryption_Type.NONE]: "none",
    [Encryption_Type.GCM]: "gcm",
    [Encryption_Type.CUSTOM]: "custom",
  },
  "custom",
);

/** What the publisher did to the audio, or how it is encoded. */
export type AudioFeature =
  | "stereo"
  | "noDtx"
  | "autoGainControl"
  | "echoCancellation"
  | "noiseSuppression"
  | "enhancedNoiseCancellation"
  | "preconnectBuffer"
  | "unknown";

export const audioFeatureOf = namesOf<AudioFeature>(
  {
    [AudioTrackFeature.TF_STEREO]: "stereo",
    [AudioTrackFeature.TF_NO_DTX]: "noDtx",
    [AudioTrackFeature.TF_AUTO_GAIN_CONTROL]: "autoGainControl",
    [AudioTrackFeature.TF_ECHO_CANCELLATION]: "echoCancellation",
    [AudioTrackFeature.TF_NOISE_SUPPRESSION]: "noiseSuppression",
    [AudioTrackFeature.TF_ENHANCED_NOISE_CANCELLATION]: "enhancedNoiseCancellation",
    [AudioTrackFeature.TF_PRECONNECT_BUFFER]: "preconnectBuffer",
  },
  "unknown",
);

/** How well the server hears a participant; `unknown` before it says so. */
export type ConnectionQuality = "poor" | "good" | "excellent" | "lost" | "unknown";

export const connectionQualityOf = namesOf<ConnectionQuality>(
  {
    [WireQuality.POOR]: "poor",
    [WireQuality.GOOD]: "good",
    [WireQuality.EXCELLENT]: "excellent",
    [WireQuality.LOST]: "lost",
  },
  "unknown",
);

/** Whether the server sends a subscribed track, or holds it back for want of bandwidth. */
export type StreamState = "active" | "paused" | "unknown";

export const streamStateOf = namesOf<StreamState>(
  { [WireStreamState.ACTIVE]: "active", [WireStreamState.PAUSED]: "paused" },
  "unknown",
);

/** Why a subscription failed. */
export type SubscriptionFailure = "unknown" | "codecUnsupported" | "trackNotFound";

export const subscriptionFailureOf = namesOf<SubscriptionFailure>(
  {
    [SubscriptionError.SE_CODEC_UNSUPPORTED]: "codecUnsupported",
    [SubscriptionError.SE_TRACK_NOTFOUND]: "trackNotFound",
  },
  "unknown",
);
