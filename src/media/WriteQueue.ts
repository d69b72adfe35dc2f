import { TroupeError } from "../core/index.ts";
import type { EngineSource } from "../native/index.ts";

/** Writes that wait for room at most; a caller that does not await its writes meets this bound. */
const MAXIMUM_WAITING = 256;
/** The least and the most that a full queue is left alone before it is tried again, in ms. */
const MINIMUM_WAIT_MS = 5;
const MAXIMUM_WAIT_MS = 500;

/** How one write is to be done. */
export interface WriteTerms {
  signal?: AbortSignal;
  /** When its first sample is to sound, process-monotonic, in microseconds. */
  dueUs?: number;
}

/** How writes reach an engine source. */
export interface SourceWrites {
  write(pcm: Int16Array, terms?: WriteTerms): Promise<void>;
  /** Gives the samples per channel that found room. */
  tryWrite(pcm: Int16Array, dueUs?: number): number;
  /** Whether samples wait outside the queue. */
  readonly isWaiting: boolean;
  /** Resolves once the samples that wait now are in the queue, or never will be. */
  settled(): Promise<void>;
  /** The queue was cleared. */
  cancel(error: TroupeError): void;
  close(error: TroupeError): void;
  /** What came faster than it could be played and was dropped, in ms. */
  readonly droppedMs: number;
}

interface Waiting {
  pcm: Int16Array;
  dueUs: number | undefined;
  done: PromiseWithResolvers<void>;
  release: () => void;
}

/**
 * Writes into an engine source in order, waiting while it is full. It tries again after the time that the samples
 * in hand need to find room, since the engine plays at the pace of the clock.
 */
export class WriteQueue implements SourceWrites {
  readonly droppedMs = 0;
  readonly #source: EngineSource;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(source: EngineSource) {
    this.#source = source;
  }

  async write(pcm: Int16Array, { signal, dueUs }: WriteTerms = {}): Promise<void> {
    if (signal?.aborted) throw cancelled(signal);
    const taken = this.tryWrite(pcm, dueUs);
    const rest = pcm.subarray(taken * this.#source.options.channels);
    if (rest.length > 0) await this.#wait(rest, taken > 0 ? undefined : dueUs, signal);
  }

  /** Gives the samples per channel that found room: none while others wait. */
  tryWrite(pcm: Int16Array, dueUs?: number): number {
    return this.#waiting.length > 0 || pcm.length === 0 ? 0 : this.#source.write(pcm, dueUs);
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves once the writes that wait now are done. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#waiting.map((waiting) => waiting.done.promise));
  }

  cancel(error: TroupeError): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const waiting of this.#waiting.splice(0)) {
      waiting.release();
      waiting.done.reject(error);
    }
  }

  close(error: TroupeError): void {
    this.#closed = true;
    this.cancel(error);
  }

  #wait(pcm: Int16Array, dueUs: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= MAXIMUM_WAITING) {
      throw new TroupeError(
        "QUEUE_FULL",
        `More than ${MAXIMUM_WAITING} writes wait for room: await each write`,
      );
    }
    const abort = () => this.#abandon(waiting, cancelled(signal));
    const release = () => signal?.removeEventListener("abort", abort);
    const waiting: Waiting = { pcm, dueUs, done: Promise.withResolvers(), release };
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiting.push(waiting);
    this.#schedule();
    return waiting.done.promise;
  }

  #abandon(waiting: Waiting, error: TroupeError): void {
    this.#waiting = this.#waiting.filter((other) => other !== waiting);
    waiting.release();
    waiting.done.reject(error);
    if (this.#waiting.length > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    const first = this.#waiting[0];
    if (!first || this.#timer || this.#closed) return;
    const { sampleRate, channels, capacityMs } = this.#source.options;
    const neededMs = (first.pcm.length * 1000) / channels / sampleRate;
    const waitMs = Math.min(neededMs, capacityMs / 2, MAXIMUM_WAIT_MS);
    this.#timer = setTimeout(() => this.#retry(), Math.max(MINIMUM_WAIT_MS, waitMs));
  }

  #retry(): void {
    this.#timer = undefined;
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const taken = this.#source.write(first.pcm, first.dueUs);
      if (taken > 0) first.dueUs = undefined;
      first.pcm = first.pcm.subarray(taken * this.#source.options.channels);
      if (first.pcm.length > 0) break;
      this.#waiting.shift();
      first.release();
      first.done.resolve();
    }
    this.#schedule();
  }
}

export function cancelled(signal: AbortSignal | undefined): TroupeError {
  return new TroupeError("CANCELLED", "The write was cancelled", { cause: signal?.reason });
}
