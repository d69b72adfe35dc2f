import { TroupeError } from "../index.ts";

/**
 * Waits for `work`, but not longer than `ms` and not beyond the abort of `signal`.
 *
 * @throws TroupeError TIMEOUT or CANCELLED
 */
export async function within<T>(
  what: string,
  ms: number,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const cancelled = () => new TroupeError("CANCELLED", `${what} was cancelled`);
  // What is cancelled already is not begun.
  if (signal?.aborted) throw cancelled();
  const failed = Promise.withResolvers<never>();
  const cancel = () => failed.reject(cancelled());
  const timer = setTimeout(
    () => failed.reject(new TroupeError("TIMEOUT", `${what} took longer than ${ms} ms`)),
    ms,
  );
  signal?.addEventListener("abort", cancel, { once: true });
  const working = work();
  // Whichever loses the race may still fail later.
  working.catch(() => {});
  failed.promise.catch(() => {});
  try {
    return await Promise.race([working, failed.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
  }
}
