import type { TroupeError } from "../../core/index.ts";

/** Why the actor asks for an attempt. A `resume` keeps what the driver still has of the last one. */
export type DialReason = "dial" | "redial" | "resume";

/** A remote track as the actor knows it. `key` is stable over reconnects: sinks bind to it. */
export interface RemoteTrackInfo {
  key: string;
  kind: "audio" | "video";
  /** Who sends it, in the transport's own terms (Sora: connection_id; LiveKit: participant identity). */
  senderId: string;
}

/** What a driver reports. The actor never asks; it reacts. */
export type DriverEvent =
  | { type: "signalling.open" }
  /** Offer and answer are exchanged. */
  | { type: "negotiated" }
  /** ICE and DTLS are up: audio can flow. */
  | { type: "transport.connected" }
  /** Joined in the transport's own sense; `connected` starts here. */
  | { type: "joined" }
  | { type: "signalling.switching" }
  | { type: "signalling.switched" }
  | { type: "signalling.lost"; code: number; reason: string }
  /** The media path is gone for good (failed, or the liveness check gave up). */
  | { type: "transport.lost"; reason: string }
  | { type: "media.stalled" }
  | { type: "media.flowing" }
  | { type: "track.added"; track: RemoteTrackInfo }
  | { type: "track.removed"; key: string }
  /** The far side ended it in order: no redial. */
  | { type: "remote.closed"; code: number; reason: string }
  /** The attempt failed. `permanent` errors (bad option, refused) are not tried again. */
  | { type: "attempt.failed"; error: TroupeError; permanent: boolean };

/**
 * One transport's hands, which the connection actor directs. A driver lives as long as its Connection and
 * holds at most one attempt at a time.
 */
export interface ConnectionDriver {
  /**
   * Starts an attempt and returns at once. Everything that follows comes through `report`, until `signal`
   * aborts: then the attempt is dropped on the spot (sockets and transports closed) and reports end. A driver
   * that can resume keeps beyond the abort what a `resume` needs, until the next start or `close`. What it
   * throws counts as a failed attempt.
   */
  start(reason: DialReason, report: (event: DriverEvent) => void, signal: AbortSignal): void;
  /** Leaves in order: tells the far side and waits for its answer. The actor bounds it and then aborts. */
  leave(reason: string): Promise<{ code: number; reason: string }>;
  /** Frees what outlives attempts. No call follows. */
  close(): void;
}
