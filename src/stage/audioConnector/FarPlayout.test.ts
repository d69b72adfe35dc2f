import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../test/fixtures/ManualClock.ts";
import { FarPlayout } from "./FarPlayout.ts";

const FRAME_BYTES = 640;

function start(driftPpm = 0) {
  const clock = new ManualClock();
  const played: (Buffer | null)[] = [];
  const tick = (pcm: Buffer | null) => played.push(pcm);
  return { clock, played, far: new FarPlayout({ frameBytes: FRAME_BYTES, driftPpm, clock, tick }) };
}

const frame = (fill: number, bytes = FRAME_BYTES) => Buffer.alloc(bytes, fill);

describe("the far side of a call", () => {
  it("plays a frame of each message every 20 ms: a longer one is cut, a shorter one filled up", async () => {
    const { clock, played, far } = start();
    for (const message of [frame(1), frame(2, 1_000), frame(3, 100)]) far.push(message);
    await clock.pass(60);
    far.stop();
    expect(played).toEqual([frame(1), frame(2), Buffer.concat([frame(3, 100), frame(0, 540)])]);
    expect(far.report).toMatchObject({
      sizes: { 640: 1, 1000: 1, 100: 1 },
      truncated: 1,
      short: 1,
      framesPlayed: 3,
    });
  });

  it("holds 3072 messages, and lets go of what comes beyond", async () => {
    const { clock, played, far } = start();
    for (let at = 0; at < 3_075; at++) far.push(frame(at % 2));
    far.stop();
    expect(far.report).toMatchObject({
      overruns: 3,
      bufferedMessages: 3_072,
      highestBufferedMessages: 3_072,
    });
    await clock.pass(100);
    expect(played).toEqual([]);
  });

  it("counts a gap within a sound as underruns, a pause of more than a second as none", async () => {
    const { clock, far } = start();
    far.push(frame(1));
    await clock.pass(80);
    far.push(frame(1));
    await clock.pass(20);
    expect(far.report.underruns).toBe(3);
    await clock.pass(1_100);
    far.push(frame(1));
    await clock.pass(20);
    far.stop();
    expect(far.report).toMatchObject({ underruns: 3, framesPlayed: 3 });
  });

  it("drops what it holds when it is told to, and tells who waits for that to be played", async () => {
    const { clock, played, far } = start();
    const told: string[] = [];
    for (let at = 0; at < 5; at++) far.push(frame(1));
    far.notify(() => told.push("first"));
    await clock.pass(100);
    expect(told).toEqual(["first"]);
    for (let at = 0; at < 5; at++) far.push(frame(2));
    far.notify(() => told.push("second"));
    far.clear();
    expect(told).toEqual(["first", "second"]);
    await clock.pass(100);
    far.stop();
    expect(played.slice(5).every((pcm) => pcm === null)).toBe(true);
    expect(far.report).toMatchObject({ cleared: 1, bufferedMessages: 0, underruns: 0 });
  });

  it.each([
    [200, 50_010],
    [-200, 49_990],
  ])("at %i ppm plays %i frames in a thousand seconds of ours", async (driftPpm, frames) => {
    const { clock, played, far } = start(driftPpm);
    // Late timers catch up, so a few turns of the event loop are enough.
    for (let at = 0; at < 10; at++) await clock.pass(100_000);
    far.stop();
    expect(Math.abs(played.length - frames)).toBeLessThanOrEqual(1);
  });
});
