import type { JobDriver } from "./worker.driver.ts";

/** How long a job may be in each state that waits, in ms. */
export interface JobDeadlines {
  /** For the decision whether to take it. The server waits 10 s. */
  decideMs: number;
  /** From the answer to the assignment. The server sends it at once. */
  assignMs: number;
  /** From the order to end until it is given up. */
  endMs: number;
}

export const DEFAULT_JOB_DEADLINES: JobDeadlines = { decideMs: 9_000, assignMs: 15_000, endMs: 30_000 };

/** How a job ended. */
export type JobOutcome = "refused" | "abandoned" | "succeeded" | "failed";

export interface JobMachineInput {
  driver: JobDriver;
  deadlines?: Partial<JobDeadlines>;
}

export interface JobContext {
  driver: JobDriver;
  deadlines: JobDeadlines;
  outcome: JobOutcome;
  error: unknown;
}

export type JobEvent =
  /** The server gave it to this worker. */
  | { type: "assigned" }
  /** It is to end: the server says so, or the worker closes. */
  | { type: "end" };

type Scope = { context: JobContext };

export function createJobContext({ input }: { input: JobMachineInput }): JobContext {
  return {
    driver: input.driver,
    deadlines: { ...DEFAULT_JOB_DEADLINES, ...input.deadlines },
    outcome: "refused",
    error: undefined,
  };
}

export const decideDelay = ({ context }: Scope) => context.deadlines.decideMs;
export const assignDelay = ({ context }: Scope) => context.deadlines.assignMs;
export const endDelay = ({ context }: Scope) => context.deadlines.endMs;
export const driverOf = ({ context }: Scope) => ({ driver: context.driver });
export const tellToEnd = ({ context }: Scope) => context.driver.tellToEnd();
export const isTaken = ({ event }: { event: unknown }) => (event as { output: boolean }).output;
export const withError = ({ event }: { event: unknown }) => ({ error: (event as { error: unknown }).error });
export const outcomeOf = ({ context: { outcome, error } }: Scope) => ({ outcome, error });
