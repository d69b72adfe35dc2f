import { randomInt } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../../core/index.ts";
import type { AudioFrame } from "../../index.ts";

/** A click every 700 ms and up to 40 ms more, so that clicks meet every phase of tick and packet. */
const CLICK_EVERY_MS = 700;
const CLICK_JITTER_MS = 40;
/** Loud and short: 2 ms of full scale at the head of a 20 ms frame. */
const CLICK_LENGTH_MS = 2;
const CLICK_FRAME_MS = 20;
/** What counts as the click at the far end, and how long the ear is closed after one. */
const HEARD_ABOVE = 6_000;
const DEAF_AFTER_US = 350_000;

/** Writes clicks into `source`, whose queue must be empty, until `signal` aborts; gives when each was written. */
export async function writeClicks(
  source: { tryWrite(pcm: Int16Array): unknown },
  sampleRate: number,
  signal: AbortSignal,
): Promise<number[]> {
  const frame = new Int16Array((sampleRate * CLICK_FRAME_MS) / 1000);
  const length = (sampleRate * CLICK_LENGTH_MS) / 1000;
  for (let at = 0; at < length; at++) frame[at] = Math.floor(at / 12) % 2 === 0 ? 28_000 : -28_000;
  const writtenUs: number[] = [];
  while (!signal.aborted) {
    await pause(CLICK_EVERY_MS + randomInt(CLICK_JITTER_MS), undefined, { signal }).catch(() => {});
    if (signal.aborted) break;
    writtenUs.push(systemClock.nowUs());
    source.tryWrite(frame);
  }
  return writtenUs;
}

/** Notes when clicks come out of a sink: at the callback that holds the sample. */
export class ClickEar {
  readonly heardUs: number[] = [];
  #deafUntilUs = 0;

  hear(frame: Pick<AudioFrame, "pcm">): void {
    const nowUs = systemClock.nowUs();
    if (nowUs < this.#deafUntilUs || !frame.pcm.some((sample) => Math.abs(sample) > HEARD_ABOVE)) return;
    this.heardUs.push(nowUs);
    this.#deafUntilUs = nowUs + DEAF_AFTER_US;
  }
}

/** Pairs each written click with the first one heard within 350 ms after it; gives the delays in ms. */
export function clickDelaysMs(writtenUs: readonly number[], heardUs: readonly number[]): number[] {
  const delays: number[] = [];
  for (const written of writtenUs) {
    const heard = heardUs.find((at) => at > written && at < written + DEAF_AFTER_US);
    if (heard !== undefined) delays.push((heard - written) / 1000);
  }
  return delays;
}
