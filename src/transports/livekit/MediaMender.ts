import type { Clock } from "../../core/index.ts";

/** How long the server's answer to an ICE restart may take before the next one, in ms. */
const ANSWER_MS = 6_000;
/** How long ICE then has before the next one, in ms: the server gives up checks after 15 s. */
const CHECK_MS = 5_000;

/**
 * Restarts ICE again and again until it is told to stop or gives up. It waits with it until the server is heard: a
 * restart that nobody answers ends the path that is there, which may come back by itself.
 */
export class MediaMender {
  readonly #clock: Clock;
  readonly #restart: () => void;
  readonly #giveUp: () => void;
  readonly #totalMs: number;
  #timer: unknown;
  #sinceUs = 0;
  /** Whether the server was not heard yet. */
  #isAsking = false;

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
    this.#isAsking = true;
    this.#nextAfter(ANSWER_MS);
  }

  /** Something came from the server: it would answer. */
  heard(): void {
    if (!this.isMending || !this.#isAsking) return;
    this.#try();
  }

  /** The server took the restart: now ICE checks. A restart before that would make its answer worthless. */
  answered(): void {
    if (this.isMending) this.#nextAfter(CHECK_MS);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #try(): void {
    this.#isAsking = false;
    if ((this.#clock.nowUs() - this.#sinceUs) / 1000 >= this.#totalMs) {
      this.stop();
      this.#giveUp();
      return;
    }
    this.#nextAfter(ANSWER_MS);
    this.#restart();
  }

  #nextAfter(ms: number): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#try(), ms);
  }
}
