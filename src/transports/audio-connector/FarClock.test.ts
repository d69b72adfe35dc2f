import { expect, it } from "vitest";
import { FarClock } from "./FarClock.ts";

/** A far side that sends for so long, on a clock that is off. Gives when it stopped. */
function send(far: FarClock, fromUs: number, seconds: number, driftPpm: number): number {
  const periodUs = 20_000 / (1 + driftPpm / 1_000_000);
  let nowUs = fromUs;
  for (; nowUs < fromUs + seconds * 1_000_000; nowUs += periodUs) {
    // One frame of three comes late.
    const lateUs = Math.round(nowUs / periodUs) % 3 === 0 ? 15_000 : 0;
    far.note(20_000, nowUs + lateUs);
  }
  return nowUs;
}

it.each([200, -200, 0])("is known to within 5 ms when it is off by %i ppm for ten minutes", (driftPpm) => {
  const far = new FarClock();
  send(far, 5_000_000, 600, driftPpm);
  expect(Math.abs(far.aheadUs - 600 * driftPpm)).toBeLessThan(5_000);
});

it("is no other after a pause in what it sends, nor after a burst that a stall held back", () => {
  const far = new FarClock();
  const pausedUs = send(far, 0, 60, 100);
  const stalledUs = send(far, pausedUs + 7_000_000, 60, 100);
  // What two seconds held, at once.
  for (let at = 0; at < 100; at += 1) far.note(20_000, stalledUs + 2_000_000);
  send(far, stalledUs + 2_000_000, 60, 100);
  expect(Math.abs(far.aheadUs - 180 * 100)).toBeLessThan(5_000);
});
