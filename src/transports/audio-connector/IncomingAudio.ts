import type { Clock } from "../../core/index.ts";
import type { EngineSource } from "../../native/index.ts";
import { RecentPeak } from "./RecentPeak.ts";
import { isQuiet, samplesOf } from "./samples.ts";
import { FRAME_US } from "./wire.ts";

/** What waits at most: a burst behind a stalled network is played, later than it was. */
export const MAXIMUM_WAITING_MS = 1_000;
/** What may wait beyond the delay until quiet frames are left out. */
const SPARE_US = 30_000;
/** What a stall leaves waiting is kept against the next one as long as it is no more than this. */
const LONGEST_KEPT_US = 400_000;
/** A source that plays nothing for this long has no listener; then no more than a frame waits beyond the delay. */
const UNHEARD_US = 60_000;

/** What became of the far side's audio. */
export interface IncomingCounts {
  framesReceived: number;
  /** How often it ran dry and began anew. */
  gaps: number;
  /** Frames left out: quiet ones of a far clock that is fast or behind a stall, and what came beyond the bound. */
  framesDropped: number;
  /** Messages of an odd length, whose last byte is no sample. */
  malformed: number;
}

/**
 * Puts the far side's frames into a source of the engine, which plays them on its clock. What comes after nothing
 * waits for `delayMs`, so that later frames may be late by as much.
 */
export class IncomingAudio {
  readonly counts: IncomingCounts = { framesReceived: 0, gaps: 0, framesDropped: 0, malformed: 0 };
  readonly #source: EngineSource;
  readonly #sampleRate: number;
  readonly #delayUs: number;
  readonly #clock: Clock;
  /** The least that waited as a frame came, below zero: how near it was to running dry. */
  readonly #need: RecentPeak;
  #leftUs = 0;
  #playedAtUs = 0;

  constructor(
    source: EngineSource,
    { sampleRate, delayMs, clock }: { sampleRate: number; delayMs: number; clock: Clock },
  ) {
    this.#source = source;
    this.#sampleRate = sampleRate;
    this.#delayUs = delayMs * 1_000;
    this.#clock = clock;
    this.#need = new RecentPeak(clock.nowUs());
  }

  /** One message: s16le samples of one channel. */
  push(data: Buffer): void {
    const pcm = samplesOf(data);
    if (data.length % 2 !== 0) this.counts.malformed += 1;
    if (pcm.length === 0) return;
    this.counts.framesReceived += 1;
    const nowUs = this.#clock.nowUs();
    const waitingUs = this.#waitingUs(nowUs);
    this.#need.note(-waitingUs, nowUs);
    if (waitingUs === 0) this.#begin(pcm, nowUs);
    else if (this.#isTooMuch(waitingUs, nowUs) && isQuiet(pcm)) this.#leaveOut();
    else this.#append(pcm, waitingUs, nowUs);
  }

  #waitingUs(nowUs: number): number {
    const waitingUs = this.#source.queuedUs;
    if (waitingUs < this.#leftUs || waitingUs === 0) this.#playedAtUs = nowUs;
    return waitingUs;
  }

  #isTooMuch(waitingUs: number, nowUs: number): boolean {
    const enoughUs = this.#delayUs + SPARE_US;
    if (waitingUs <= enoughUs) return false;
    return waitingUs > LONGEST_KEPT_US || -this.#need.at(nowUs) > enoughUs;
  }

  #leaveOut(): void {
    this.counts.framesDropped += 1;
    this.#need.shift(FRAME_US);
    this.#leftUs = this.#source.queuedUs;
  }

  #begin(pcm: Int16Array, nowUs: number): void {
    this.counts.gaps += 1;
    this.#source.write(pcm, nowUs + this.#delayUs);
    this.#leftUs = this.#source.queuedUs;
  }

  #append(pcm: Int16Array, waitingUs: number, nowUs: number): void {
    const isFull = waitingUs > this.#delayUs + FRAME_US;
    if (isFull && nowUs - this.#playedAtUs > UNHEARD_US) {
      // Nobody listens: whoever does later wants to hear what is said then.
      this.#source.clear();
      this.#source.write(pcm, nowUs + this.#delayUs);
      this.#leftUs = this.#source.queuedUs;
      return;
    }
    const taken = this.#source.write(pcm);
    if (taken < pcm.length) this.counts.framesDropped += 1;
    this.#leftUs = waitingUs + (taken * 1_000_000) / this.#sampleRate;
  }
}
