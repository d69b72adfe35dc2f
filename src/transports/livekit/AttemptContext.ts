import type {
  DataChannelReceiveState,
  Encryption_Type,
  JoinResponse,
  ReconnectResponse,
  SignalResponse,
  TrackInfo,
  UpdateSubscription,
} from "@livekit/protocol";
import type { ConnectionHost, LocalTrack } from "../../connection/index.ts";
import type { Clock, Logger, TroupeError } from "../../core/index.ts";
import type { Session } from "../../webrtc/index.ts";
import type { DataKind } from "./DataPath.ts";
import type { TransformTarget } from "./e2ee/index.ts";
import type { LiveKitSettings } from "./options.ts";
import type { ServerAddresses } from "./signal/ServerAddresses.ts";

export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

/** Makes a session of an attempt; replaced in tests. */
export type CreateSession = (
  iceServers: IceServer[],
  relayOnly: boolean,
  role: "offerer" | "answerer",
) => Session;

/** With how many peer connections a room is joined. */
export type ConnectionForm = "single" | "dual";

/** What the running attempt tells the room above it. */
export interface RoomListener {
  joined(join: JoinResponse): void;
  resumed(reconnect: ReconnectResponse): void;
  /** Every message of the server after the first. */
  response(response: SignalResponse): void;
  mediaArrived(trackSid: string, key: string): void;
  mediaGone(trackSid: string): void;
  /** A track of ours is about to be sent, or one of somebody else to be heard. */
  encrypt(track: LocalTrack, target: TransformTarget): void;
  decrypt(identity: string, info: TrackInfo, target: TransformTarget): void;
  trackPublished(track: LocalTrack, info: TrackInfo): void;
  /** The server refused it, or cannot take it. */
  publishFailed(track: LocalTrack, error: TroupeError): void;
  receive(kind: DataKind, data: Buffer): void;
  dataOpen(): void;
  /** What the server forgets and a resume has to say again. */
  syncState(): {
    subscription: UpdateSubscription;
    trackSidsDisabled: string[];
    receiveStates: DataChannelReceiveState[];
  };
  /** What the tracks of this room are encrypted by. */
  readonly encryptionType: Encryption_Type;
}

/** What the attempts of one connection share. */
export interface AttemptContext {
  settings: LiveKitSettings;
  host: ConnectionHost;
  room: RoomListener;
  createSession: CreateSession;
  clock: Clock;
  log: Logger;
  /** The newest token: the server renews it before it expires. */
  token: string;
  addresses: ServerAddresses;
  /** How to dial: a server that does not know the single form brings the dual one. */
  form: ConnectionForm;
  roomSid: string;
  trackKeys: Map<string, string>;
  /** Says once per connection what is ignored. */
  ignored: (what: string) => void;
}
