/** How the waits between attempts grow. All in milliseconds. */
export interface BackoffOptions {
  firstMs: number;
  maximumMs: number;
  /** Each wait is this many times the one before. */
  factor: number;
  /** The share of a wait that is drawn by chance, 0 to 1, so that many bots do not redial in step. */
  jitter: number;
}

export const DEFAULT_BACKOFF: BackoffOptions = { firstMs: 250, maximumMs: 10_000, factor: 2, jitter: 0.3 };

/**
 * The wait before attempt `attempt` (0 is the first retry), in milliseconds.
 *
 * @param random a number in [0, 1); replaced in tests.
 */
export function backoffMs(attempt: number, options = DEFAULT_BACKOFF, random = Math.random()): number {
  const full = Math.min(options.maximumMs, options.firstMs * options.factor ** attempt);
  return Math.round(full * (1 - options.jitter * random));
}
