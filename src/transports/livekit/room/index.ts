// The model of a room: itself, its participants, and what they publish.
export type { AnyParticipant, AnyTrackPublication, RoomEvents } from "./events.ts";
export { LocalParticipant, type ParticipantUpdate } from "./LocalParticipant.ts";
export { LocalTrackPublication } from "./LocalTrackPublication.ts";
export { Participant, type ParticipantPermissions } from "./Participant.ts";
export { ParticipantAudio, type ParticipantAudioRoom } from "./ParticipantAudio.ts";
export { RemoteParticipant } from "./RemoteParticipant.ts";
export { RemoteTrackPublication } from "./RemoteTrackPublication.ts";
export { RoomModel, type RoomModelOptions } from "./RoomModel.ts";
export type { RoomSignal } from "./RoomSignal.ts";
export type { ParticipantTrackPermission, TrackPermissions } from "./TrackPermissions.ts";
export { TrackPublication } from "./TrackPublication.ts";
export type {
  AudioFeature,
  ConnectionQuality,
  EncryptionType,
  ParticipantKind,
  ParticipantKindDetail,
  RoomConnectionState,
  StreamState,
  SubscriptionFailure,
  TrackKind,
  TrackSource,
} from "./values.ts";
export { encryptionTypeOf } from "./values.ts";
