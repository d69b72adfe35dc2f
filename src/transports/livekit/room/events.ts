import type { LocalTrack, RemoteTrack } from "../../../connection/index.ts";
import type { LocalParticipant } from "./LocalParticipant.ts";
import type { LocalTrackPublication } from "./LocalTrackPublication.ts";
import type { ParticipantPermissions } from "./Participant.ts";
import type { RemoteParticipant } from "./RemoteParticipant.ts";
import type { RemoteTrackPublication } from "./RemoteTrackPublication.ts";
import type { ConnectionQuality, RoomConnectionState, StreamState, SubscriptionFailure } from "./values.ts";

/** Somebody in the room, we ourselves among them. */
export type AnyParticipant = LocalParticipant | RemoteParticipant;

/** A track that somebody publishes, we ourselves among them. */
export type AnyTrackPublication = LocalTrackPublication | RemoteTrackPublication;

/** What a room reports besides its connection and its data. Those present at join raise nothing. */
export type RoomEvents = {
  participantConnected: [participant: RemoteParticipant];
  /** The participant is out of the room's list already, and its tracks were unpublished before. */
  participantDisconnected: [participant: RemoteParticipant];
  /** It joined before; from here on it takes data. Those who were active when we came raise nothing. */
  participantActive: [participant: RemoteParticipant];
  localTrackPublished: [publication: LocalTrackPublication, track: LocalTrack];
  /** The publication is still in the list of the local participant while this fires. */
  localTrackUnpublished: [publication: LocalTrackPublication];
  /** A full reconnect published it anew, under another sid; the publication is the same object. */
  localTrackRepublished: [publication: LocalTrackPublication, previousSid: string];
  /** Somebody subscribed to it for the first time. */
  localTrackSubscribed: [track: LocalTrack, publication: LocalTrackPublication];
  trackPublished: [publication: RemoteTrackPublication, participant: RemoteParticipant];
  /** The publication is out of the participant's list already; a subscribed track was unsubscribed before. */
  trackUnpublished: [publication: RemoteTrackPublication, participant: RemoteParticipant];
  /** Its audio can be heard from here on. */
  trackSubscribed: [track: RemoteTrack, publication: RemoteTrackPublication, participant: RemoteParticipant];
  trackUnsubscribed: [
    track: RemoteTrack,
    publication: RemoteTrackPublication,
    participant: RemoteParticipant,
  ];
  trackSubscriptionFailed: [participant: RemoteParticipant, trackSid: string, error: SubscriptionFailure];
  /** The publisher allows us to subscribe, or does not any more. */
  trackSubscriptionPermissionChanged: [
    publication: RemoteTrackPublication,
    participant: RemoteParticipant,
    allowed: boolean,
  ];
  trackMuted: [participant: AnyParticipant, publication: AnyTrackPublication];
  trackUnmuted: [participant: AnyParticipant, publication: AnyTrackPublication];
  trackStreamStateChanged: [
    publication: RemoteTrackPublication,
    state: StreamState,
    participant: RemoteParticipant,
  ];
  /** Everybody who speaks now, the loudest first. */
  activeSpeakersChanged: [speakers: AnyParticipant[]];
  roomMetadataChanged: [oldMetadata: string, newMetadata: string];
  participantMetadataChanged: [participant: AnyParticipant, oldMetadata: string, newMetadata: string];
  participantNameChanged: [participant: AnyParticipant, oldName: string, newName: string];
  /** Holds the keys that changed alone; `""` is one that was removed. */
  participantAttributesChanged: [changed: Readonly<Record<string, string>>, participant: AnyParticipant];
  participantPermissionsChanged: [
    participant: AnyParticipant,
    permissions: ParticipantPermissions | undefined,
  ];
  connectionQualityChanged: [participant: AnyParticipant, quality: ConnectionQuality];
  connectionStateChanged: [state: RoomConnectionState];
  /** Anything of the room changed: metadata, counts, the recording flag. */
  roomUpdated: [];
  /** The server took us to another room; everybody of the old one is gone. */
  moved: [];
  /** The server gave a fresh token; the next reconnect uses it. */
  tokenRefreshed: [token: string];
};
