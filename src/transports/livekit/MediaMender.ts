import type { Clock } from "../../core/index.ts";

/** How long the server may take until it is heard, or answers a restart of ICE, before it is asked again, in ms. */
const ANSWER_MS = 6_000;
/** How long ICE then has before the next restart, in ms: the server gives up checks after 15 s. */
const CHECK_MS = 5_000;

export interface MediaMenderParts {
  /** Has the server say something, such as the answer to a ping. */
  ask: () => void;
  restart: () => void;
  giveUp: () => void;
}

/**
 * Restarts ICE again and again until it is told to stop or gives up. Before each restart the server has to be heard: a
 * restart that does not reach it ends the path that there is, which may come back by itself.
 */
export class MediaMender {
  readonly #clock: Clock;
  readonly #parts: MediaMenderParts;
  readonly #totalMs: number;
  #timer: unknown;
  #sinceUs = 0;
  /** Whether the server is to be heard before the next restart. */
  #isAsking = false;

  /** @param totalMs for all tries together. */
  constructor(clock: Clock, totalMs: number, parts: MediaMenderParts) {
    this.#clock = clock;
    this.#totalMs = totalMs;
    this.#parts = parts;
  }

  get isMending(): boolean {
    return this.#timer !== undefined;
  }

  start(): void {
    if (this.isMending) return;
    this.#sinceUs = this.#clock.nowUs();
    this.#ask();
  }

  /** Something came from the server. */
  heard(): void {
    if (!this.isMending || !this.#isAsking) return;
    this.#isAsking = false;
    this.#nextAfter(ANSWER_MS);
    this.#parts.restart();
  }

  /** The server took the restart: now ICE checks. A restart before that would make its answer worthless. */
  answered(): void {
    if (this.isMending) this.#nextAfter(CHECK_MS);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isAsking = false;
  }

  #ask(): void {
    if ((this.#clock.nowUs() - this.#sinceUs) / 1000 >= this.#totalMs) {
      this.stop();
      this.#parts.giveUp();
      return;
    }
    this.#isAsking = true;
    this.#nextAfter(ANSWER_MS);
    this.#parts.ask();
  }

  #nextAfter(ms: number): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#ask(), ms);
  }
}
