import { type BackoffOptions, backoffMs, DEFAULT_BACKOFF } from "../../core/index.ts";
import type { LinkEvent, WorkerDriver } from "./worker.driver.ts";

/** How long a worker may be in each state that waits, and how often it speaks, in ms. */
export interface WorkerDeadlines {
  /** For the WebSocket. */
  dialMs: number;
  /** For the server's answer to the registration. */
  registerMs: number;
  /** Between a pong and the next ping. */
  pingMs: number;
  /** For the pong. */
  pongMs: number;
  /** Between reports of the load. */
  reportMs: number;
  /** From the order to drain until jobs that still run are told to end. */
  drainMs: number;
}

export const DEFAULT_WORKER_DEADLINES: WorkerDeadlines = {
  dialMs: 10_000,
  registerMs: 10_000,
  pingMs: 10_000,
  pongMs: 10_000,
  reportMs: 2_500,
  drainMs: 1_800_000,
};

export interface WorkerMachineInput {
  driver: WorkerDriver;
  deadlines?: Partial<WorkerDeadlines>;
  backoff?: BackoffOptions;
  /** Gives numbers in [0, 1); replaced in tests. */
  random?: () => number;
}

export interface WorkerContext {
  driver: WorkerDriver;
  deadlines: WorkerDeadlines;
  backoff: BackoffOptions;
  random: () => number;
  /** Attempts since it was registered last. */
  attempts: number;
  /** Jobs that were taken and have not ended. */
  jobs: number;
  /** Whether it was told to drain, which outlives the link. */
  isDraining: boolean;
  /** What it failed with. */
  error: unknown;
}

export type WorkerEvent =
  | LinkEvent
  /** How many were taken and have not ended. */
  | { type: "jobs"; count: number }
  /** Take no more jobs and close when those that run have ended. */
  | { type: "drain" };

type Scope = { context: WorkerContext };
type Args = { event: WorkerEvent };

export function createWorkerContext({ input }: { input: WorkerMachineInput }): WorkerContext {
  return {
    driver: input.driver,
    deadlines: { ...DEFAULT_WORKER_DEADLINES, ...input.deadlines },
    backoff: input.backoff ?? DEFAULT_BACKOFF,
    random: input.random ?? Math.random,
    attempts: 0,
    jobs: 0,
    isDraining: false,
    error: undefined,
  };
}

export const dialDelay = ({ context }: Scope) => context.deadlines.dialMs;
export const registerDelay = ({ context }: Scope) => context.deadlines.registerMs;
export const pingDelay = ({ context }: Scope) => context.deadlines.pingMs;
export const pongDelay = ({ context }: Scope) => context.deadlines.pongMs;
export const reportDelay = ({ context }: Scope) => context.deadlines.reportMs;
export const drainDelay = ({ context }: Scope) => context.deadlines.drainMs;
export const redialDelay = ({ context }: Scope) =>
  backoffMs(context.attempts, context.backoff, context.random());

export const isPermanent = ({ event }: Args) => event.type === "lost" && event.permanent;
export const isDraining = ({ context }: Scope) => context.isDraining;
export const isIdle = ({ context }: Scope) => context.jobs === 0;

export const withAttempt = ({ context }: Scope) => ({ attempts: context.attempts + 1 });
export const withJobs = ({ event }: Args) => (event.type === "jobs" ? { jobs: event.count } : {});
export const withLoss = ({ event }: Args) => (event.type === "lost" ? { error: event.error } : {});
export const errorOf = ({ context }: Scope) => ({ error: context.error });

export const driverOf = ({ context }: Scope) => ({ driver: context.driver });
export const register = ({ context }: Scope) => context.driver.register();
export const ping = ({ context }: Scope) => context.driver.ping();
export const report = ({ context }: Scope) => context.driver.reportLoad();
export const tellTimeout = ({ context }: Scope) => context.driver.timedOut();
export const tellJobsToEnd = ({ context }: Scope) => context.driver.endJobs();
