import { StreamError } from "../../errors.ts";
import type { UnreadBudget } from "./UnreadBudget.ts";

/** What a chunk takes beside its bytes, about: many small ones must not count as nothing. */
const CHUNK_OVERHEAD_BYTES = 128;

/** The chunks of one stream between the network and its reader, and how it ended. One reader at a time. */
export class ChunkQueue {
  readonly #budget: UnreadBudget;
  readonly #chunks: Uint8Array[] = [];
  #ending: { error: StreamError | undefined } | undefined;
  #wake: (() => void) | undefined;
  /** The reader let go: what comes is not kept. */
  #isCancelled = false;

  constructor(budget: UnreadBudget) {
    this.#budget = budget;
  }

  get isOver(): boolean {
    return this.#ending !== undefined;
  }

  /** Keeps a chunk for the reader; when there is no room for it the stream fails. */
  push(chunk: Uint8Array): void {
    if (this.#ending || this.#isCancelled) return;
    if (!this.#budget.take(costOf(chunk))) {
      this.end(new StreamError("tooSlow", "The stream was not read as fast as it came"));
      return;
    }
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  /** Nothing follows. The reader gets what came before, then `error` where there is one. */
  end(error?: StreamError): void {
    if (this.#ending) return;
    this.#ending = { error };
    this.#wake?.();
  }

  /** The reader wants no more. */
  cancel(): void {
    this.#isCancelled = true;
    for (const chunk of this.#chunks.splice(0)) this.#budget.give(costOf(chunk));
    this.end(new StreamError("cancelled", "The stream's reader was closed"));
  }

  /**
   * The next chunk; undefined at the end.
   *
   * @throws StreamError what the stream ended with, `cancelled` when `signal` aborts.
   */
  async next(signal?: AbortSignal): Promise<Uint8Array | undefined> {
    while (!this.#chunks.length && !this.#ending) {
      if (signal?.aborted) break;
      await this.#change(signal);
    }
    if (signal?.aborted) {
      throw new StreamError("cancelled", "Reading the stream was cancelled", { cause: signal.reason });
    }
    const chunk = this.#chunks.shift();
    if (chunk) this.#budget.give(costOf(chunk));
    else if (this.#ending?.error) throw this.#ending.error;
    return chunk;
  }

  async #change(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#wake = wake;
    signal?.addEventListener("abort", wake, { once: true });
    try {
      await promise;
    } finally {
      this.#wake = undefined;
      signal?.removeEventListener("abort", wake);
    }
  }
}

function costOf(chunk: Uint8Array): number {
  return chunk.length + CHUNK_OVERHEAD_BYTES;
}
