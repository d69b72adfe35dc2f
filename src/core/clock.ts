/** Time and timers, so that tests can put a simulated clock in their place. */
export interface Clock {
  /** Microseconds of the process's monotonic clock: the one that the engine stamps frames with. */
  nowUs(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
}

/** The real clock. */
export const systemClock: Clock = {
  nowUs: () => Number(process.hrtime.bigint() / 1000n),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
};
