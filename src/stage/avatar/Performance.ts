import { type Clock, systemClock } from "../../core/index.ts";

/** One utterance, as the service performs it. */
export interface PerformedRequest {
  readonly id: string;
  /** How long the audio that came is, in ms. */
  audioMs: number;
  audioBytes: number;
  /** The client sent its last. */
  ended: boolean;
  interrupted: boolean;
  /** Frames of animation that went out. */
  frames: number;
  /** The last frame went out. */
  done: boolean;
}

export interface PerformanceOptions {
  /** What one frame of animation covers, in ms. */
  frameMs: number;
  /** From the first audio to the first frame, in ms. */
  latencyMs: number;
  clock?: Clock | undefined;
  onFrame: (request: PerformedRequest, last: boolean) => void;
}

/** Plays requests one after another: a frame each `frameMs` for as long as there is audio, and one that is the last. */
export class Performance {
  readonly #options: PerformanceOptions;
  readonly #clock: Clock;
  readonly #queue: PerformedRequest[] = [];
  #timer: unknown;
  #dueUs = 0;
  #isPlaying = false;

  constructor(options: PerformanceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Audio that came and has not been shown, in ms. */
  get waitingMs(): number {
    return this.#queue.reduce((sum, request) => sum + request.audioMs - this.#shownMs(request), 0);
  }

  add(request: PerformedRequest): void {
    this.#queue.push(request);
    this.wake();
  }

  /** More of a request is there. */
  wake(): void {
    if (this.#isPlaying || this.#queue.length === 0) return;
    this.#isPlaying = true;
    this.#dueUs = this.#clock.nowUs() + this.#options.latencyMs * 1000;
    this.#schedule();
  }

  /** Shows nothing more of it. */
  interrupt(request: PerformedRequest): void {
    request.interrupted = true;
    const at = this.#queue.indexOf(request);
    if (at >= 0) this.#queue.splice(at, 1);
  }

  close(): void {
    this.#queue.length = 0;
    this.#clock.clearTimeout(this.#timer);
  }

  #shownMs({ frames, audioMs }: PerformedRequest): number {
    return Math.min(audioMs, frames * this.#options.frameMs);
  }

  #schedule(): void {
    const waitMs = Math.max(0, (this.#dueUs - this.#clock.nowUs()) / 1000);
    this.#timer = this.#clock.setTimeout(() => this.#play(), waitMs);
  }

  #play(): void {
    const request = this.#queue[0];
    const isStarved = !request || (this.#shownMs(request) >= request.audioMs && !request.ended);
    if (isStarved) {
      this.#isPlaying = false;
      return;
    }
    this.#show(request);
    // A late timer catches up; the pace is that of the audio.
    this.#dueUs += this.#options.frameMs * 1000;
    this.#schedule();
  }

  #show(request: PerformedRequest): void {
    request.frames += 1;
    request.done = request.ended && this.#shownMs(request) >= request.audioMs;
    if (request.done) this.#queue.shift();
    this.#options.onFrame(request, request.done);
  }
}
