import type { Clock } from "../../core/index.ts";
import type { EngineSource } from "../../native/index.ts";
import { FarClock } from "./FarClock.ts";
import { RecentPeak } from "./RecentPeak.ts";
import { isQuiet, samplesOf, stretched } from "./samples.ts";
import { FRAME_US } from "./wire.ts";

/** What waits at most: a burst behind a stalled network is played, later than it was. */
export const MAXIMUM_WAITING_MS = 1_000;
/** What may wait beyond the delay until quiet frames are left out, and loud ones made shorter. */
const SPARE_US = 30_000;
/** Where less than this share of the delay waits at the least, frames are made longer. */
const LEAST_SHARE = 0.5;
/** What waits at the least is not known sooner after a beginning. */
const SETTLING_US = 10_000_000;
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
  /** Frames made longer or shorter by a sample, since the far clock drifts or a stall left too much waiting. */
  framesStretched: number;
  /** Messages of an odd length, whose last byte is no sample. */
  malformed: number;
}

/**
 * Puts the far side's frames into a source of the engine, which plays them on its clock. What comes after nothing
 * waits for `delayMs`, so that later frames may be late by as much.
 */
export class IncomingAudio {
  readonly counts: IncomingCounts = {
    framesReceived: 0,
    gaps: 0,
    framesDropped: 0,
    framesStretched: 0,
    malformed: 0,
  };
  /** By whose clock these frames come. */
  readonly farClock = new FarClock();
  readonly #source: EngineSource;
  readonly #sampleRate: number;
  readonly #delayUs: number;
  readonly #clock: Clock;
  /** The least that waited as a frame came, below zero: how near it was to running dry. */
  readonly #need: RecentPeak;
  /** The same since it began, without the beginning itself. */
  #needSinceBegin: RecentPeak;
  #beganUs = 0;
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
    this.#needSinceBegin = new RecentPeak(clock.nowUs());
  }

  /** One message: s16le samples of one channel. */
  push(data: Buffer): void {
    const pcm = samplesOf(data);
    if (data.length % 2 !== 0) this.counts.malformed += 1;
    if (pcm.length === 0) return;
    this.counts.framesReceived += 1;
    const nowUs = this.#clock.nowUs();
    this.farClock.note(this.#lengthUs(pcm.length), nowUs);
    const waitingUs = this.#waitingUs(nowUs);
    this.#need.note(-waitingUs, nowUs);
    if (waitingUs === 0) this.#begin(pcm, nowUs);
    else if (this.#isTooMuch(waitingUs, nowUs)) {
      if (isQuiet(pcm)) this.#leaveOut();
      else this.#appendStretched(pcm, -1, waitingUs, nowUs);
    } else if (this.#isTooLittle(waitingUs, nowUs)) this.#appendStretched(pcm, 1, waitingUs, nowUs);
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

  #isTooLittle(waitingUs: number, nowUs: number): boolean {
    const settledUs = nowUs - this.#beganUs - this.#delayUs;
    if (settledUs < 0) return false;
    this.#needSinceBegin.note(-waitingUs, nowUs);
    return settledUs >= SETTLING_US && -this.#needSinceBegin.at(nowUs) < this.#delayUs * LEAST_SHARE;
  }

  #leaveOut(): void {
    this.counts.framesDropped += 1;
    this.#need.shift(FRAME_US);
    this.#needSinceBegin.shift(FRAME_US);
    this.#leftUs = this.#source.queuedUs;
  }

  #begin(pcm: Int16Array, nowUs: number): void {
    this.counts.gaps += 1;
    this.#playLater(pcm, nowUs);
  }

  /** Into an empty source. */
  #playLater(pcm: Int16Array, nowUs: number): void {
    this.#beganUs = nowUs;
    this.#needSinceBegin = new RecentPeak(nowUs);
    this.#source.write(pcm, nowUs + this.#delayUs);
    this.#leftUs = this.#source.queuedUs;
  }

  #appendStretched(pcm: Int16Array, bySamples: -1 | 1, waitingUs: number, nowUs: number): void {
    this.counts.framesStretched += 1;
    this.#append(stretched(pcm, bySamples), waitingUs, nowUs);
    this.#need.shift(-bySamples * this.#lengthUs(1));
    this.#needSinceBegin.shift(-bySamples * this.#lengthUs(1));
  }

  #append(pcm: Int16Array, waitingUs: number, nowUs: number): void {
    const isFull = waitingUs > this.#delayUs + FRAME_US;
    if (isFull && nowUs - this.#playedAtUs > UNHEARD_US) {
      // Nobody listens: whoever does later wants to hear what is said then.
      this.#source.clear();
      this.#playLater(pcm, nowUs);
      return;
    }
    const taken = this.#source.write(pcm);
    if (taken < pcm.length) this.counts.framesDropped += 1;
    this.#leftUs = waitingUs + this.#lengthUs(taken);
  }

  #lengthUs(samples: number): number {
    return (samples * 1_000_000) / this.#sampleRate;
  }
}
