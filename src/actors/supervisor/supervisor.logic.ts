import { type BackoffOptions, backoffMs, DEFAULT_BACKOFF } from "../../core/index.ts";

export interface SupervisorMachineInput {
  /** What the child starts with, each time. */
  childInput?: unknown;
  backoff?: BackoffOptions;
  /** Restarts in a row before it gives up; a child that ran for `steadyMs` starts the count anew. */
  maximumRestarts?: number;
  /** How long a child runs before it counts as well, in ms. */
  steadyMs?: number;
  /** Gives numbers in [0, 1); replaced in tests. */
  random?: () => number;
}

export interface SupervisorContext {
  childInput: unknown;
  backoff: BackoffOptions;
  maximumRestarts: number;
  steadyMs: number;
  random: () => number;
  /** Restarts since the child last ran well. */
  restarts: number;
  /** What the child failed with last. */
  error: unknown;
}

export type SupervisorEvent = { type: "stop" };

const DEFAULT_RESTARTS = 5;
const DEFAULT_STEADY_MS = 10_000;

type Scope = { context: SupervisorContext };

export function createSupervisorContext({ input }: { input: SupervisorMachineInput }): SupervisorContext {
  return {
    childInput: input.childInput,
    backoff: input.backoff ?? DEFAULT_BACKOFF,
    maximumRestarts: input.maximumRestarts ?? DEFAULT_RESTARTS,
    steadyMs: input.steadyMs ?? DEFAULT_STEADY_MS,
    random: input.random ?? Math.random,
    restarts: 0,
    error: undefined,
  };
}

export const childInput = ({ context }: Scope) => context.childInput;
export const steadyDelay = ({ context }: Scope) => context.steadyMs;
export const restartDelay = ({ context }: Scope) =>
  backoffMs(context.restarts, context.backoff, context.random());
export const hasRestartsLeft = ({ context }: Scope) => context.restarts < context.maximumRestarts;
export const withRestart = ({ context }: Scope) => ({ restarts: context.restarts + 1 });
export const withError = ({ event }: { event: { type: string; error?: unknown } }) => ({
  error: event.error,
});
export const errorOf = ({ context }: Scope) => ({ error: context.error });
