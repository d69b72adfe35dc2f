import { TroupeError } from "./errors.ts";

/**
 * Runs `work` with a signal that aborts after `ms` or when `parent` does, and frees the timer when it ends. With a parent
 * that has aborted already nothing is run.
 *
 * @throws TroupeError TIMEOUT when the deadline passed first, CANCELLED when the parent aborted.
 */
export async function withDeadline<T>(
  what: string,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  parent?: AbortSignal,
): Promise<T> {
  const cancelled = () => new TroupeError("CANCELLED", `${what} was cancelled`, { cause: parent?.reason });
  // What is cancelled already is not begun.
  if (parent?.aborted) throw cancelled();
  const controller = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const stop = (error: TroupeError) => {
    controller.abort(error);
    reject(error);
  };
  const timer = setTimeout(() => stop(new TroupeError("TIMEOUT", `${what} took longer than ${ms} ms`)), ms);
  const onParent = () => stop(cancelled());
  parent?.addEventListener("abort", onParent, { once: true });
  try {
    return await Promise.race([work(controller.signal), ended]);
  } finally {
    clearTimeout(timer);
    parent?.removeEventListener("abort", onParent);
    ended.catch(() => {});
  }
}
