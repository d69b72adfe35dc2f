import type { Clock } from "../../core/index.ts";

/** How long an ICE restart has before the next one, in ms. */
const TRY_MS = 3_000;

/** Restarts ICE again and again until it is told to stop or gives up. */
export class MediaMender {
  readonly #clock: Clock;
  readonly #restart: () => void;
  readonly #giveUp: () => void;
  readonly #totalMs: number;
  #timer: unknown;
  #sinceUs = 0;

  /** @param totalMs for all tries together. */
  constructor(clock: Clock, totalMs: number, restart: () => void, giveUp: () => void) {
    this.#clock = clock;
    this.#totalMs = totalMs;
    this.#restart = restart;
    this.#giveUp = giveUp;
  }

  get isMending(): boolean {
    return this.#timer !== undefined;
  }

  start(): void {
    if (this.isMending) return;
    this.#sinceUs = this.#clock.nowUs();
    this.#try();
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #try(): void {
    if ((this.#clock.nowUs() - this.#sinceUs) / 1000 >= this.#totalMs) {
      this.stop();
      this.#giveUp();
      return;
    }
    this.#timer = this.#clock.setTimeout(() => this.#try(), TRY_MS);
    this.#restart();
  }
}
