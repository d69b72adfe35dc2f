import type { ConnectionDeadlines, ConnectionDriver } from "../actors/index.ts";
import type { BackoffOptions } from "../core/index.ts";
import type { EngineProducer, EngineReceiver, EngineSender } from "../media/index.ts";
import type { Connection } from "./Connection.ts";
import type { LocalTrack } from "./LocalTrack.ts";

/** What a transport's function such as `sora()` returns: options checked, nothing started yet. */
export interface Transport<C extends Connection<object>> {
  /** Lower-case: sora, livekit. */
  readonly name: string;
  /** Makes the connection; `connect` then starts it. */
  create(): C;
}

/** What carries a local track to the far side: a sender of the engine, or what a driver makes of a sink. */
export type TrackSender = Pick<EngineSender, "closed" | "setProducer"> &
  Partial<Pick<EngineSender, "setTransform">>;

/** What brings a remote track: a receiver of the engine, or a source that a driver fills. */
export type TrackReceiver = EngineProducer & {
  /** Left out by what brings no encoded frames. */
  setTransform?: EngineReceiver["setTransform"];
  readonly events: { on(name: "flow", listener: (state: "flowing" | "stalled") => void): () => void };
};

/** One entry of the WebRTC statistics: `type` is codec, inbound-rtp, transport and so on. */
export interface StatsEntry {
  id: string;
  type: string;
  /** ms since the epoch */
  timestamp: number;
  [name: string]: unknown;
}

/** A data channel that the user sees. */
export interface DataChannelInfo {
  label: string;
  direction: "sendrecv" | "sendonly" | "recvonly";
}

/**
 * The connection as its driver sees it: where a driver hands over what it made in the engine, and what it
 * heard on data channels. Every call is allowed at any time; one about an unknown or ended track is let go.
 */
export interface ConnectionHost {
  /** What the user publishes now, oldest first. It outlives attempts: at each one the driver makes new senders. */
  readonly localTracks: readonly LocalTrack[];
  /**
   * `sender` carries this local track from now on; the connection sets its producer, and sets it anew when
   * the producer changes. The driver (or its session) keeps owning the sender.
   */
  senderReady(trackId: string, sender: TrackSender): void;
  /** The sender is about to be closed. Not needed when an attempt ends: the connection then lets go of all. */
  senderGone(trackId: string): void;
  /**
   * `receiver` brings the remote track of this key from now on: before or after `track.added` of the same
   * key. The driver (or its session) keeps owning the receiver.
   */
  receiverReady(key: string, receiver: TrackReceiver): void;
  /** The receiver is about to be closed. Not needed when an attempt ends. */
  receiverGone(key: string): void;
  /** The far side muted or unmuted the track by signalling. */
  trackMuted(key: string, muted: boolean): void;
  /** A user's data channel is open; `send` works from here on. */
  channelOpen(channel: DataChannelInfo): void;
  /** It closed. Not needed when an attempt ends. */
  channelClosed(label: string): void;
  /** A message for the user. `data` belongs to the connection from now on. */
  message(label: string, data: Uint8Array): void;
}

/** A transport's driver: what the connection actor directs, and what the Connection asks besides. */
export interface TransportDriver extends ConnectionDriver {
  /** The user published this track, at any time. The driver calls `senderReady` when it has a sender for it. */
  publish(track: LocalTrack): void;
  /** The user took it back; its sender has no producer any more. */
  unpublish(track: LocalTrack): void;
  /** The user muted or unmuted it: `track.muted` says which. Its sender has a producer or none already. */
  localTrackMuted?(track: LocalTrack): void;
  /**
   * Sends on an open channel, after waiting for room in its send buffer.
   *
   * @throws TroupeError INVALID_STATE when the channel is not open, CLOSED when it closes while waiting.
   */
  send(label: string, data: Uint8Array | string): Promise<void>;
  /** The statistics of the running attempt; empty when there is none. */
  getStats(): StatsEntry[];
}

/** What a transport's own Connection class gives the base class. */
export interface ConnectionSetup {
  /** Lower-case name of the transport; part of the actor's id. */
  transport: string;
  /** Called once, when the connection starts. */
  createDriver: (host: ConnectionHost) => TransportDriver;
  /** Whether a lost connection is dialed again; true when left out. */
  reconnect?: boolean;
  /** Whether audio is encoded, so that encoded frames can be transformed; true when left out. */
  encodesFrames?: boolean;
  /** Whether the transport itself transforms encoded frames, so that users cannot; false when left out. */
  encryptsFrames?: boolean;
  /** Whether the driver can resume; false when left out. */
  canResume?: boolean;
  /** Deadlines in ms that differ from the defaults. */
  deadlines?: Partial<ConnectionDeadlines>;
  /** The waits between attempts to reconnect, where they differ from the defaults. */
  backoff?: BackoffOptions;
}
