import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../test/fixtures/ManualClock.ts";
import type { EngineSource } from "../../native/index.ts";
import { IncomingAudio } from "./IncomingAudio.ts";

const CAPACITY_US = 1_040_000;

/** A ring that is played on the clock of the test, from when its first sample is due. */
class Ring {
  readonly clock = new ManualClock();
  heard = true;
  clears = 0;
  #endUs = 0;
  #stillUs = 0;

  get queuedUs(): number {
    return this.heard ? Math.max(0, this.#endUs - this.clock.nowUs()) : this.#stillUs;
  }

  write(pcm: Int16Array, dueUs = this.clock.nowUs()): number {
    const lengthUs = (pcm.length * 1_000_000) / 16_000;
    if (this.queuedUs + lengthUs > CAPACITY_US) return 0;
    this.#endUs = Math.max(this.#endUs, dueUs) + lengthUs;
    this.#stillUs += lengthUs;
    return pcm.length;
  }

  clear(): number {
    this.clears += 1;
    this.#endUs = 0;
    this.#stillUs = 0;
    return 0;
  }
}

function start() {
  const ring = new Ring();
  const incoming = new IncomingAudio(ring as unknown as EngineSource, {
    sampleRate: 16_000,
    delayMs: 40,
    clock: ring.clock,
  });
  const loud = Buffer.from(new Int16Array(320).fill(8_000).buffer);
  const quiet = Buffer.alloc(640);
  return { ring, incoming, loud, quiet };
}

describe("the far side's audio", () => {
  it("is played 40 ms late, so that frames may be late by as much", async () => {
    const { ring, incoming, loud } = start();
    incoming.push(loud);
    expect(ring.queuedUs).toBe(60_000);
    for (const ms of [20, 55, 3, 2, 20, 20]) {
      await ring.clock.pass(ms);
      incoming.push(loud);
    }
    expect(incoming.counts).toMatchObject({ framesReceived: 7, gaps: 1, framesDropped: 0, malformed: 0 });
  });

  it("that comes in a burst behind a stall is all played, down to 400 ms with the next quiet moment", async () => {
    const { ring, incoming, loud, quiet } = start();
    for (let at = 0; at < 45; at++) incoming.push(loud);
    expect(ring.queuedUs).toBeGreaterThan(935_000);
    expect(incoming.counts.framesDropped).toBe(0);
    for (let at = 0; at < 40; at++) {
      await ring.clock.pass(20);
      incoming.push(quiet);
    }
    expect(ring.queuedUs).toBeLessThanOrEqual(420_000);
    expect(incoming.counts.gaps).toBe(1);
  });

  it("that stalls again and again is played without a gap from the second stall on", async () => {
    const { ring, incoming, loud, quiet } = start();
    for (let stall = 0; stall < 10; stall++) {
      for (let at = 0; at < 50; at++) {
        incoming.push(at < 25 ? loud : quiet);
        await ring.clock.pass(20);
      }
      await ring.clock.pass(200);
      for (let at = 0; at < 10; at++) incoming.push(loud);
    }
    expect(incoming.counts.gaps).toBe(2);
  });

  it("is no later than at first again, once it has not stalled for a while", async () => {
    const { ring, incoming, loud, quiet } = start();
    for (let at = 0; at < 10; at++) incoming.push(loud);
    for (let at = 0; at < 1_500; at++) {
      await ring.clock.pass(20);
      incoming.push(quiet);
    }
    expect(ring.queuedUs).toBeLessThanOrEqual(90_000);
    expect(incoming.counts.gaps).toBe(1);
  });

  it("is bounded", () => {
    const { ring, incoming, loud } = start();
    for (let at = 0; at < 200; at++) incoming.push(loud);
    expect(ring.queuedUs).toBeLessThanOrEqual(CAPACITY_US);
    expect(incoming.counts.framesDropped).toBeGreaterThan(100);
  });

  it("that nobody listens to does not grow old", async () => {
    const { ring, incoming, loud } = start();
    ring.heard = false;
    for (let at = 0; at < 100; at++) {
      incoming.push(loud);
      await ring.clock.pass(20);
    }
    expect(ring.queuedUs).toBeLessThanOrEqual(300_000);
    expect(ring.clears).toBeGreaterThan(3);
  });

  it("may end with half a sample, which is counted", () => {
    const { ring, incoming } = start();
    incoming.push(Buffer.alloc(641));
    incoming.push(Buffer.alloc(1));
    incoming.push(Buffer.alloc(0));
    expect(ring.queuedUs).toBe(60_000);
    expect(incoming.counts.malformed).toBe(2);
  });
});
