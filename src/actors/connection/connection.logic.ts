import {
  type BackoffOptions,
  backoffMs,
  DEFAULT_BACKOFF,
  systemClock,
  TroupeError,
} from "../../core/index.ts";
import type { TrackEvent, TrackMachineInput } from "../track/track.logic.ts";
import type { ConnectionDriver, DialReason, DriverEvent, RemoteTrackInfo } from "./connection.driver.ts";

/** How long the connection waits for what; all in milliseconds. */
export interface ConnectionDeadlines {
  /** Signalling open. */
  dialMs: number;
  /** Offer and answer exchanged. */
  negotiateMs: number;
  /** ICE and DTLS up, and joined. */
  secureMs: number;
  /** One redial or resume, all in all. */
  attemptMs: number;
  /** From the loss until it gives up. */
  reconnectMs: number;
  /** The far side's answer to a leave; longer than a driver's own deadline for it. */
  leaveMs: number;
  /** Stalled for this long counts as a lost transport. */
  stallMs: number;
  /** The move of the signalling to data channels. */
  switchMs: number;
  /** A remote track's return after a loss, and its way to a receiver. */
  trackMs: number;
}

export const DEFAULT_CONNECTION_DEADLINES: ConnectionDeadlines = {
  dialMs: 30_000,
  negotiateMs: 15_000,
  secureMs: 20_000,
  attemptMs: 30_000,
  reconnectMs: 120_000,
  leaveMs: 6_000,
  stallMs: 8_000,
  switchMs: 15_000,
  trackMs: 30_000,
};

/** What a connection knows of redials at first, and again once it is connected. */
export const NEVER_REDIALED = { redials: 0, redialedMs: Number.NEGATIVE_INFINITY };

export interface ConnectionMachineInput {
  driver: ConnectionDriver;
  /** Whether a lost connection is dialed again; true when left out. */
  reconnect?: boolean;
  /** Whether the driver can resume; false when left out. */
  canResume?: boolean;
  deadlines?: Partial<ConnectionDeadlines>;
  backoff?: BackoffOptions;
  /** Gives numbers in [0, 1); replaced in tests. */
  random?: () => number;
  /** Monotonic time in milliseconds; replaced in tests. */
  nowMs?: () => number;
}

/** A track's actor, as far as its connection uses it. */
interface TrackActor {
  readonly id: string;
  subscribe(observer: object): { unsubscribe(): void };
  send(event: TrackEvent): void;
}

/** A track's actor beside what it is of. */
export interface TrackEntry {
  info: RemoteTrackInfo;
  direction: "incoming" | "outgoing";
  ref: TrackActor;
}

/** How an attempt or the connection ended: a close code of the transport (0 when there is none) and why. */
export interface Ending {
  code: number;
  reason: string;
  /** Null after an end in order. */
  error: TroupeError | null;
}

export interface ConnectionContext extends Ending {
  driver: ConnectionDriver;
  reconnect: boolean;
  canResume: boolean;
  deadlines: ConnectionDeadlines;
  backoff: BackoffOptions;
  random: () => number;
  nowMs: () => number;
  tracks: Record<string, TrackEntry>;
  /** Redials since the last time it was connected. */
  redials: number;
  /** When the last redial began, in the time of `nowMs`; negative infinity while there was none since it was connected. */
  redialedMs: number;
}

export type ConnectionEvent =
  | DriverEvent
  | { type: "connect" }
  | { type: "disconnect"; reason: string }
  | { type: "publish"; id: string }
  | { type: "unpublish"; id: string };

type Scope = { context: ConnectionContext };
type Arguments = { context: ConnectionContext; event: ConnectionEvent };
type Spawn = (source: "track", options: { id: string; input: TrackMachineInput }) => TrackActor;

export function createConnectionContext({ input }: { input: ConnectionMachineInput }): ConnectionContext {
  return {
    driver: input.driver,
    reconnect: input.reconnect ?? true,
    canResume: input.canResume ?? false,
    deadlines: { ...DEFAULT_CONNECTION_DEADLINES, ...input.deadlines },
    backoff: input.backoff ?? DEFAULT_BACKOFF,
    random: input.random ?? Math.random,
    nowMs: input.nowMs ?? (() => systemClock.nowUs() / 1000),
    tracks: {},
    ...NEVER_REDIALED,
    code: 0,
    reason: "",
    error: null,
  };
}

// Delays

export const dialDeadline = ({ context }: Scope) => context.deadlines.dialMs;
export const negotiateDeadline = ({ context }: Scope) => context.deadlines.negotiateMs;
export const secureDeadline = ({ context }: Scope) => context.deadlines.secureMs;
export const attemptDeadline = ({ context }: Scope) => context.deadlines.attemptMs;
export const reconnectDeadline = ({ context }: Scope) => context.deadlines.reconnectMs;
export const leaveDeadline = ({ context }: Scope) => context.deadlines.leaveMs;
export const stallDeadline = ({ context }: Scope) => context.deadlines.stallMs;
export const switchDeadline = ({ context }: Scope) => context.deadlines.switchMs;

/**
 * The wait before the next redial, in milliseconds. Waits are from one redial's begin to the next one's: one that looked
 * for a path for longer has waited by that, and a network that comes back is not left unused. The shortest wait remains.
 */
export function redialDelay({ context }: Scope): number {
  const { redials, redialedMs, backoff, nowMs } = context;
  const random = context.random();
  const waitMs = backoffMs(Math.max(0, redials - 1), backoff, random);
  if (redialedMs === Number.NEGATIVE_INFINITY) return waitMs;
  return Math.max(backoffMs(0, backoff, random), waitMs - (nowMs() - redialedMs));
}

// Guards

export const canReconnect = ({ context }: Scope) => context.reconnect;
export const canResume = ({ context }: Scope) => context.reconnect && context.canResume;
export const isPermanent = ({ event }: Arguments) => event.type === "attempt.failed" && event.permanent;
/** A remote track that its connection knows already: it comes back after a reconnect. */
export function isKnownTrack({ context, event }: Arguments): boolean {
  return event.type === "track.added" && context.tracks[event.track.key] !== undefined;
}

// Inputs of the invoked and spawned actors

export const dialInput = ({ context }: Scope) => attemptInput(context, "dial");
export const redialInput = ({ context }: Scope) => attemptInput(context, "redial");
export const resumeInput = ({ context }: Scope) => attemptInput(context, "resume");

function attemptInput({ driver }: ConnectionContext, reason: DialReason) {
  return { driver, reason };
}

export function leaveInput({ context }: Scope): { driver: ConnectionDriver; reason: string } {
  return { driver: context.driver, reason: context.reason };
}

// Tracks

/** The id of a track's actor within its connection. */
function trackActorId(key: string): string {
  return `track:${key}`;
}

export function withTrack({
  context,
  event,
  spawn,
}: Arguments & { spawn: Spawn }): Partial<ConnectionContext> {
  if (event.type === "track.added") return addTrack(context, event.track, "incoming", spawn);
  if (event.type !== "publish") return {};
  return addTrack(context, { key: event.id, kind: "audio", senderId: "" }, "outgoing", spawn);
}

function addTrack(
  context: ConnectionContext,
  info: RemoteTrackInfo,
  direction: TrackEntry["direction"],
  spawn: Spawn,
): Partial<ConnectionContext> {
  const input = trackInput(context.deadlines, info, direction);
  const ref = spawn("track", { id: trackActorId(info.key), input });
  return { tracks: { ...context.tracks, [info.key]: { info, direction, ref } } };
}

function trackInput(
  deadlines: ConnectionDeadlines,
  { key, kind }: RemoteTrackInfo,
  direction: TrackEntry["direction"],
): TrackMachineInput {
  if (direction === "incoming") {
    return { key, kind, direction, attachMs: deadlines.trackMs, detachedMs: deadlines.trackMs };
  }
  // What the user publishes waits as long as the connection itself may take to come up or to come back.
  const joinMs = deadlines.dialMs + deadlines.negotiateMs + deadlines.secureMs;
  const returnMs = deadlines.reconnectMs + deadlines.attemptMs;
  return { key, kind, direction, attachMs: Math.max(joinMs, returnMs), detachedMs: returnMs };
}

/** Without the track whose actor ended or failed. */
export function withoutTrack({ context, event }: { context: ConnectionContext; event: { type: string } }) {
  const id = endedActorId({ event });
  const tracks = Object.fromEntries(Object.entries(context.tracks).filter(([, { ref }]) => ref.id !== id));
  return { tracks };
}

/** The actor that a done or error event of XState is about. */
export function endedActorId({ event }: { event: { type: string } }): string {
  return event.type.replace(/^xstate\.(done|error)\.actor\./, "");
}

/** Tells every track that what carried it is gone. */
export function detachTracks({ context }: Scope): void {
  for (const { ref } of Object.values(context.tracks)) ref.send({ type: "detached" });
}

/** Ends the track that the far side removed or the user took back. */
export function removeTrack({ context, event }: Arguments): void {
  const key = event.type === "track.removed" ? event.key : event.type === "unpublish" ? event.id : "";
  context.tracks[key]?.ref.send({ type: "removed", reason: event.type });
}

// Endings

/** How a driver's event ends an attempt. */
export function withLoss({ event }: { event: ConnectionEvent }): Ending {
  switch (event.type) {
    case "signalling.lost":
      return lossOf("SIGNALLING_FAILED", event.code, event.reason || "the signalling connection was lost");
    case "transport.lost":
      return lossOf("TRANSPORT_FAILED", 0, event.reason || "the media path was lost");
    case "remote.closed":
      return lossOf("CLOSED", event.code, event.reason || "closed by the far side");
    case "attempt.failed":
      return { code: 0, reason: event.error.message, error: event.error };
    case "disconnect":
      return { code: 0, reason: event.reason, error: null };
    default:
      return lossOf("INTERNAL", 0, event.type);
  }
}

function lossOf(code: TroupeError["code"], closeCode: number, reason: string): Ending {
  return { code: closeCode, reason, error: new TroupeError(code, reason) };
}

/** The end of a leave that threw. */
export function withoutFarewell({ event }: { event: { type: string; error?: unknown } }): Ending {
  return { ...withDriverError({ event }), error: null };
}

/** How a throwing driver ends an attempt. */
export function withDriverError({ event }: { event: { type: string; error?: unknown } }): Ending {
  const error = TroupeError.from("INTERNAL", event.error, "the transport's driver failed");
  return { code: 0, reason: error.message, error };
}

/** What the far side said to a leave. */
export function withFarewell({ event }: { event: { type: string; output?: unknown } }): Ending {
  const { code, reason } = event.output as { code: number; reason: string };
  return { code, reason, error: null };
}

export const withDialTimeout = ({ context }: Scope) =>
  timeoutOf("opening the signalling", context.deadlines.dialMs);
export const withNegotiateTimeout = ({ context }: Scope) =>
  timeoutOf("the negotiation", context.deadlines.negotiateMs);
export const withSecureTimeout = ({ context }: Scope) =>
  timeoutOf("bringing the media path up", context.deadlines.secureMs);
export const withReconnectTimeout = ({ context }: Scope) =>
  timeoutOf("reconnecting", context.deadlines.reconnectMs, context.error);
export const withLeaveTimeout = ({ context }: Scope) => ({
  ...timeoutOf("leaving", context.deadlines.leaveMs),
  error: null,
});
export const withStall = () => lossOf("TRANSPORT_FAILED", 0, "no packet came any more");

function timeoutOf(what: string, ms: number, cause?: unknown): Ending {
  const error = new TroupeError("TIMEOUT", `${what} took longer than ${ms} ms`, {
    cause: cause ?? undefined,
  });
  return { code: 0, reason: error.message, error };
}

export const withRedialBegun = ({ context }: Scope) => ({ redialedMs: context.nowMs() });

export const withRedial = ({ context }: Scope) => ({ redials: context.redials + 1 });

export function endingOf({ context: { code, reason, error } }: Scope): Ending {
  return { code, reason, error };
}
