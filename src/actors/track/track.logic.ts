export interface TrackMachineInput {
  /** Stable over reconnects. */
  key: string;
  kind: "audio" | "video";
  direction: "incoming" | "outgoing";
  /** How long it may wait for its first receiver or sender, in ms. */
  attachMs: number;
  /** How long it may stay detached, in ms. */
  detachedMs: number;
}

export interface TrackContext extends TrackMachineInput {
  muted: boolean;
  /** Why it ended. */
  reason: string;
}

/** The states that a track can be seen in. */
export type TrackState = "subscribing" | "publishing" | "live" | "muted" | "stalled" | "detached" | "ended";

export type TrackEvent =
  /** A receiver or sender of the engine is there for it. */
  | { type: "attached" }
  /** The connection is gone and with it the receiver or sender. */
  | { type: "detached" }
  | { type: "muted" }
  | { type: "unmuted" }
  | { type: "flow.stalled" }
  | { type: "flow.flowing" }
  | { type: "removed"; reason: string };

type Arguments = { context: TrackContext; event: TrackEvent };

export function createTrackContext({ input }: { input: TrackMachineInput }): TrackContext {
  return { ...input, muted: false, reason: "" };
}

export function attachDeadline({ context }: { context: TrackContext }): number {
  return context.attachMs;
}

export function detachedDeadline({ context }: { context: TrackContext }): number {
  return context.detachedMs;
}

export function isOutgoing({ context }: { context: TrackContext }): boolean {
  return context.direction === "outgoing";
}

export function isMuted({ context }: { context: TrackContext }): boolean {
  return context.muted;
}

export function withMuting({ event }: Arguments): Partial<TrackContext> {
  return { muted: event.type === "muted" };
}

export function withRemoval({ event }: Arguments): Partial<TrackContext> {
  return { reason: event.type === "removed" ? event.reason : "removed" };
}

export function reasonOf({ context }: { context: TrackContext }): { reason: string } {
  return { reason: context.reason };
}
