import { TroupeError } from "../../core/index.ts";
import { SignallingSocket, type SocketOptions } from "./SignallingSocket.ts";

export interface DialOptions extends SocketOptions {
  signal: AbortSignal;
  /** Gives numbers in [0, 1); replaced in tests. */
  random?: () => number;
}

/**
 * Dials all URLs at once, in an order drawn by chance; the first to open wins and the others are closed.
 *
 * @throws TroupeError SIGNALLING_FAILED when none opens, CANCELLED when the signal aborts.
 */
export function dial(urls: readonly string[], options: DialOptions): Promise<SignallingSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<SignallingSocket>();
  const pending = new Set<SignallingSocket>();
  const failures: string[] = [];
  const finish = () => {
    options.signal.removeEventListener("abort", cancel);
    for (const socket of pending) socket.terminate();
    pending.clear();
  };
  const cancel = () => {
    finish();
    reject(new TroupeError("CANCELLED", "Dialling was cancelled"));
  };
  if (options.signal.aborted) {
    cancel();
    return promise;
  }
  options.signal.addEventListener("abort", cancel, { once: true });
  for (const url of shuffled(urls, options.random ?? Math.random)) {
    const socket = new SignallingSocket(url, options);
    pending.add(socket);
    socket.events.once("open", () => {
      if (!pending.delete(socket)) return;
      finish();
      resolve(socket);
    });
    socket.events.once("closed", (code, _reason, error) => {
      if (!pending.delete(socket)) return;
      failures.push(`${publicPart(url)}: ${error?.message ?? `closed with ${code}`}`);
      if (pending.size > 0) return;
      finish();
      const message = `No signaling URL could be opened (${failures.join("; ")})`;
      reject(new TroupeError("SIGNALLING_FAILED", message, { cause: error }));
    });
  }
  return promise;
}

/** A URL without what may be secret in it. */
function publicPart(text: string): string {
  const url = new URL(text);
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function shuffled(urls: readonly string[], random: () => number): string[] {
  const result = [...urls];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
