import type { CryptorState } from "../../native/index.ts";
import type { DataHubEvents } from "./data/index.ts";
import type { AnyParticipant, RoomEvents } from "./room/index.ts";

/** What a LiveKitConnection reports beyond what every connection does. */
export type LiveKitConnectionEvents = RoomEvents &
  Omit<DataHubEvents, "dropped"> & {
    /** A track of the participant's is encrypted or decrypted now, or cannot be. */
    encryptionStateChanged: [participant: AnyParticipant, state: CryptorState];
  };

type Names<Events> = Record<keyof Events & string, true>;

const ROOM: Names<RoomEvents> = {
  participantConnected: true,
  participantActive: true,
  participantDisconnected: true,
  localTrackPublished: true,
  localTrackRepublished: true,
  localTrackUnpublished: true,
  localTrackSubscribed: true,
  trackPublished: true,
  trackUnpublished: true,
  trackSubscribed: true,
  trackUnsubscribed: true,
  trackSubscriptionFailed: true,
  trackSubscriptionPermissionChanged: true,
  trackMuted: true,
  trackUnmuted: true,
  trackStreamStateChanged: true,
  activeSpeakersChanged: true,
  roomMetadataChanged: true,
  participantMetadataChanged: true,
  participantNameChanged: true,
  participantAttributesChanged: true,
  participantPermissionsChanged: true,
  connectionQualityChanged: true,
  connectionStateChanged: true,
  roomUpdated: true,
  moved: true,
  tokenRefreshed: true,
};

const DATA: Names<Omit<DataHubEvents, "dropped">> = {
  dataReceived: true,
  sipDtmfReceived: true,
  transcriptionReceived: true,
  chatMessageReceived: true,
  chatMessageEdited: true,
  packetsSkipped: true,
};

/** The names of each, which is how they are passed on. */
export const ROOM_EVENTS = Object.keys(ROOM) as (keyof RoomEvents)[];
export const DATA_EVENTS = Object.keys(DATA) as (keyof typeof DATA)[];
