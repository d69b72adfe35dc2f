import type { Clock } from "../../core/index.ts";

/** Keeps what is sent at most so far ahead of real time. */
export class Pacer {
  readonly #leadMs: number;
  readonly #clock: Clock;
  /** Until when what was sent lasts, had it been played as it was sent. */
  #untilUs = 0;

  constructor(leadMs: number, clock: Clock) {
    this.#leadMs = leadMs;
    this.#clock = clock;
  }

  /** Resolves when more may be sent, or `signal` aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    const waitMs = (this.#untilUs - this.#clock.nowUs()) / 1000 - this.#leadMs;
    if (waitMs <= 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimeout(resolve, waitMs);
    const stop = () => resolve();
    signal.addEventListener("abort", stop, { once: true });
    await promise;
    signal.removeEventListener("abort", stop);
    this.#clock.clearTimeout(timer);
  }

  sent(ms: number): void {
    this.#untilUs = Math.max(this.#untilUs, this.#clock.nowUs()) + ms * 1000;
  }

  /** What was sent is not played any more. */
  reset(): void {
    this.#untilUs = 0;
  }

  /** How long what was sent still lasts, in ms. */
  get aheadMs(): number {
    return Math.max(0, (this.#untilUs - this.#clock.nowUs()) / 1000);
  }
}
