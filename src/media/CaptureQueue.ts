import { TroupeError } from "../core/index.ts";
import type { EngineSource } from "../native/index.ts";
import { cancelled, type SourceWrites, type WriteTerms } from "./WriteQueue.ts";

/** The least that a queue that has to drain is left alone before it is looked at again, in ms. */
const MINIMUM_WAIT_MS = 5;
/** Without a queue there is room for the clock's own steps, in ms. */
const UNQUEUED_ROOM_MS = 40;

/**
 * Writes as the LiveKit SDK's `capture_frame` does: a frame is taken whole, and the write lasts until what is queued
 * has drained to the limit. One may wait at a time.
 */
export class CaptureQueue implements SourceWrites {
  /** What is written is in the queue already. */
  readonly isWaiting = false;
  readonly #source: EngineSource;
  readonly #limitMs: number;
  #draining: { done: PromiseWithResolvers<void>; timer: NodeJS.Timeout } | null = null;
  #droppedMs = 0;

  /** What the engine's queue has to hold for a limit, in ms. */
  static capacityFor(limitMs: number): number {
    return limitMs === 0 ? UNQUEUED_ROOM_MS : 2 * limitMs;
  }

  constructor(source: EngineSource, limitMs: number) {
    this.#source = source;
    this.#limitMs = limitMs;
  }

  get droppedMs(): number {
    return this.#droppedMs;
  }

  async write(pcm: Int16Array, { signal, dueUs }: WriteTerms = {}): Promise<void> {
    if (this.#draining) throw new TroupeError("INVALID_STATE", "A write waits already: await each one");
    if (signal?.aborted) throw cancelled(signal);
    const lengthMs = this.#lengthMs(pcm);
    const roomMs = this.#source.options.capacityMs - this.#queuedMs;
    // Half a sample is a matter of rounding.
    if (this.#limitMs > 0 && lengthMs > roomMs + 500 / this.#source.options.sampleRate) {
      throw TroupeError.expected("QUEUE_FULL", "frame", `at most ${Math.floor(roomMs)} ms`, `${lengthMs} ms`);
    }
    const taken = this.#source.write(pcm, dueUs);
    if (this.#limitMs === 0) this.#droppedMs += lengthMs - (taken * 1000) / this.#source.options.sampleRate;
    else if (this.#queuedMs > this.#limitMs) await this.#drain(signal);
  }

  tryWrite(pcm: Int16Array, dueUs?: number): number {
    return this.#draining || pcm.length === 0 ? 0 : this.#source.write(pcm, dueUs);
  }

  async settled(): Promise<void> {}

  /** The queue is empty now: the write that waited for that is done. */
  cancel(): void {
    if (!this.#draining) return;
    clearTimeout(this.#draining.timer);
    this.#draining.done.resolve();
    this.#draining = null;
  }

  close(): void {
    this.cancel();
  }

  get #queuedMs(): number {
    return this.#source.queuedUs / 1000;
  }

  #lengthMs(pcm: Int16Array): number {
    const { sampleRate, channels } = this.#source.options;
    return (pcm.length * 1000) / channels / sampleRate;
  }

  async #drain(signal: AbortSignal | undefined): Promise<void> {
    const draining = { done: Promise.withResolvers<void>(), timer: this.#lookLater() };
    this.#draining = draining;
    const abort = () => {
      draining.done.reject(cancelled(signal));
      this.cancel();
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await draining.done.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #lookLater(): NodeJS.Timeout {
    return setTimeout(() => this.#look(), Math.max(MINIMUM_WAIT_MS, this.#queuedMs - this.#limitMs));
  }

  #look(): void {
    if (this.#queuedMs <= this.#limitMs) this.cancel();
    else if (this.#draining) this.#draining.timer = this.#lookLater();
  }
}
