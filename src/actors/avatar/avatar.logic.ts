import { type BackoffOptions, backoffMs, DEFAULT_BACKOFF } from "../../core/index.ts";
import type { AvatarDriver, AvatarLinkEvent } from "./avatar.driver.ts";

/** How long an avatar session may be in each state that waits, in ms. */
export interface AvatarDeadlines {
  /** For a session token. */
  authorizeMs: number;
  /** For the WebSocket. */
  dialMs: number;
  /** From the open WebSocket to the service's confirmation. */
  handshakeMs: number;
  /** One utterance that is not ended; then it counts as ended. */
  speakingMs: number;
  /** For an interruption to be sent. */
  interruptMs: number;
  /** For the far side's answer to a close. */
  closeMs: number;
}

export const DEFAULT_AVATAR_DEADLINES: AvatarDeadlines = {
  authorizeMs: 10_000,
  dialMs: 10_000,
  handshakeMs: 20_000,
  speakingMs: 600_000,
  interruptMs: 1_000,
  closeMs: 2_000,
};

export interface AvatarMachineInput {
  driver: AvatarDriver;
  /** Whether a lost session is taken up again; true when left out. */
  reconnect?: boolean;
  /** Redials in a row before it gives up; 12 when left out. */
  maximumRedials?: number;
  deadlines?: Partial<AvatarDeadlines>;
  backoff?: BackoffOptions;
  /** Gives numbers in [0, 1); replaced in tests. */
  random?: () => number;
}

export interface AvatarContext {
  driver: AvatarDriver;
  reconnect: boolean;
  maximumRedials: number;
  deadlines: AvatarDeadlines;
  backoff: BackoffOptions;
  random: () => number;
  /** Whether it was ready once: what is lost before fails, what is lost after comes back. */
  wasReady: boolean;
  /** Redials since it was ready last. */
  redials: number;
  /** Renewals that failed in a row. */
  failedRenewals: number;
  /** Why it was lost or failed last. */
  error: unknown;
}

export type AvatarEvent =
  | AvatarLinkEvent
  | { type: "start" }
  | { type: "close" }
  /** The first audio of an utterance is sent. */
  | { type: "utterance.started" }
  | { type: "utterance.ended" }
  | { type: "interrupt" };

type Scope = { context: AvatarContext };
type EventScope = { context: AvatarContext; event: AvatarEvent };

export function createAvatarContext({ input }: { input: AvatarMachineInput }): AvatarContext {
  return {
    driver: input.driver,
    reconnect: input.reconnect ?? true,
    maximumRedials: input.maximumRedials ?? 12,
    deadlines: { ...DEFAULT_AVATAR_DEADLINES, ...input.deadlines },
    backoff: input.backoff ?? DEFAULT_BACKOFF,
    random: input.random ?? Math.random,
    wasReady: false,
    redials: 0,
    failedRenewals: 0,
    error: null,
  };
}

export const authorizeDeadline = ({ context }: Scope) => context.deadlines.authorizeMs;
export const dialDeadline = ({ context }: Scope) => context.deadlines.dialMs;
export const handshakeDeadline = ({ context }: Scope) => context.deadlines.handshakeMs;
export const speakingDeadline = ({ context }: Scope) => context.deadlines.speakingMs;
export const interruptDeadline = ({ context }: Scope) => context.deadlines.interruptMs;
export const closeDeadline = ({ context }: Scope) => context.deadlines.closeMs;
export const renewDelay = ({ context }: Scope) => context.driver.renewInMs();
export const redialDelay = ({ context }: Scope) =>
  backoffMs(Math.max(0, context.redials - 1), context.backoff, context.random());
export const retryRenewalDelay = ({ context }: Scope) =>
  backoffMs(Math.max(0, context.failedRenewals - 1), context.backoff, context.random());

const mayRedial = ({ reconnect, wasReady, redials, maximumRedials }: AvatarContext) =>
  reconnect && wasReady && redials < maximumRedials;

/** Whether a loss ends it: it never was ready, nothing helps, or it was tried often enough. */
export function isFinalLoss({ context, event }: EventScope): boolean {
  return !mayRedial(context) || (event.type === "lost" && event.remedy === "none");
}
/** The same of a request for a token that failed. */
export function isFinalRefusal({ context, event }: { context: AvatarContext; event: unknown }): boolean {
  return !mayRedial(context) || context.driver.isFinal((event as { error?: unknown }).error);
}
export const isOutOfRedials = ({ context }: Scope) => !mayRedial(context);
export const hasToken = ({ context }: Scope) => context.driver.hasToken();

export const withToken = () => ({ failedRenewals: 0 });
export const withReady = () => ({ wasReady: true, redials: 0, error: null });
export const withRedial = ({ context }: Scope) => ({ redials: context.redials + 1 });
export const withFailedRenewal = ({ context }: Scope) => ({ failedRenewals: context.failedRenewals + 1 });
/** The error of a loss, of a request that failed, or of a child that threw. */
export const withError = ({ event }: { event: unknown }) => ({
  error: (event as { error?: unknown }).error,
});
export const withAuthorizeTimeout = ({ context }: Scope) => ({
  error: context.driver.timeoutOf("authorizing"),
});
export const withDialTimeout = ({ context }: Scope) => ({ error: context.driver.timeoutOf("dialing") });
export const withHandshakeTimeout = ({ context }: Scope) => ({
  error: context.driver.timeoutOf("handshaking"),
});

export const driverOf = ({ context }: Scope) => ({ driver: context.driver });
export const configure = ({ context }: Scope) => context.driver.configure();
export const leave = ({ context }: Scope) => context.driver.leave();
/** Null after an end that was asked for. */
export const outcomeOf = ({ context }: Scope) => ({ error: context.error });
