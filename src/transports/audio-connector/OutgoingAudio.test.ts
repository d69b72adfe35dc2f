import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../test/fixtures/ManualClock.ts";
import { OutgoingAudio } from "./OutgoingAudio.ts";

const SECOND = 32_000;

function start({ sampleRate = 16_000, activeSeconds = 5, leadMs = 80 } = {}) {
  const clock = new ManualClock();
  const sent: { atMs: number; pcm: Buffer }[] = [];
  const socket = { takes: true };
  const outgoing = new OutgoingAudio({
    sampleRate,
    leadMs,
    activeSeconds,
    clock,
    farAheadUs: () => 0,
    send: (pcm) => {
      if (socket.takes) sent.push({ atMs: clock.nowUs() / 1_000, pcm: Buffer.from(pcm) });
      return socket.takes;
    },
  });
  return { clock, sent, socket, outgoing };
}

/** 20 ms whose bytes are all the same. */
function frameOf(byte: number): Int16Array {
  return new Int16Array(320).fill(byte * 257);
}

describe("what is sent live", () => {
  it("has a lead of silence in front, which a pause brings back", async () => {
    const { clock, sent, outgoing } = start();
    const frame = frameOf(1);
    for (let at = 0; at < 3; at++) {
      outgoing.live(frame, clock.nowUs() - 20_000);
      await clock.pass(20);
    }
    expect(sent.map(({ pcm }) => pcm[0])).toEqual([0, 0, 0, 0, 1, 1, 1]);
    expect(outgoing.farBufferMs).toBe(80);
    await clock.pass(1_000);
    outgoing.live(frame, clock.nowUs() - 20_000);
    expect(outgoing.counts).toMatchObject({ framesSent: 12, leadFrames: 8, starts: 2 });
  });

  it("needs no lead behind a stall, whose frames are one", async () => {
    const { clock, sent, outgoing } = start();
    await clock.pass(200);
    for (let beganUs = 100_000; beganUs <= 180_000; beganUs += 20_000) outgoing.live(frameOf(1), beganUs);
    expect(sent.map(({ pcm }) => pcm[0])).toEqual([1, 1, 1, 1, 1]);
    expect(outgoing.farBufferMs).toBe(100);
  });

  it("falls back to its lead in quiet moments", async () => {
    const { clock, outgoing } = start();
    outgoing.live(frameOf(50), -20_000);
    for (let at = 0; at < 5; at++) outgoing.live(frameOf(50), 0);
    expect(outgoing.farBufferMs).toBeGreaterThanOrEqual(180);
    for (let at = 0; at < 20; at++) {
      await clock.pass(20);
      outgoing.live(frameOf(0), clock.nowUs() - 20_000);
    }
    expect(outgoing.farBufferMs).toBeLessThanOrEqual(120);
    expect(outgoing.counts.framesSkipped).toBeGreaterThanOrEqual(3);
  });

  /** Frames of this sound in real time, the last of them late by `stallMs`. */
  async function talk({ clock, outgoing }: ReturnType<typeof start>, sample: number, stallMs = 0) {
    const pcm = new Int16Array(320).fill(sample);
    for (let at = 0; at < 10; at++) {
      outgoing.live(pcm, clock.nowUs() - 20_000);
      await clock.pass(20);
    }
    const beganUs = clock.nowUs() - 20_000;
    await clock.pass(stallMs);
    for (let lateMs = 0; lateMs <= stallMs; lateMs += 20) outgoing.live(pcm, beganUs + lateMs * 1_000);
    await clock.pass(20);
  }

  it("keeps what the longest stall of late needed, so that the next one like it is not heard", async () => {
    const test = start();
    await talk(test, 8_000, 200);
    expect(test.outgoing.counts.starts).toBe(2);
    for (let at = 0; at < 5; at++) await talk(test, 0);
    for (let at = 0; at < 5; at++) await talk(test, 8_000, 200);
    expect(test.outgoing.counts.starts).toBe(2);
  });

  it("gains in quiet moments what stalls of late need, and gives it back when there were none", async () => {
    const test = start({ leadMs: 300 });
    const { clock, outgoing } = test;
    await talk(test, 8_000);
    // The engine's clock may skip: what it did not play comes later, and nothing makes up for it.
    await clock.pass(250);
    outgoing.live(frameOf(50), clock.nowUs() - 70_000);
    await talk(test, 8_000);
    expect(outgoing.farBufferMs).toBeLessThan(100);
    await talk(test, 0);
    expect(outgoing.farBufferMs).toBeGreaterThan(200);
    expect(outgoing.counts.framesRepeated).toBeGreaterThan(5);

    const short = start();
    await talk(short, 8_000, 200);
    await talk(short, 0);
    expect(short.outgoing.farBufferMs).toBeGreaterThan(180);
    for (let at = 0; at < 100; at++) await talk(short, 0);
    expect(short.outgoing.farBufferMs).toBeLessThanOrEqual(120);
  });

  it("has no lead in front of the rest behind a flush, which would let it stand out", async () => {
    const test = start();
    await talk(test, 8_000);
    test.outgoing.flush();
    const before = test.sent.length;
    test.outgoing.live(frameOf(7), test.clock.nowUs() - 20_000);
    expect(test.sent.slice(before).map(({ pcm }) => pcm[0])).toEqual([7]);
    await test.clock.pass(20);
    await talk(test, 0);
    expect(test.outgoing.farBufferMs).toBeGreaterThanOrEqual(60);
  });

  it("grows its lead to 400 ms at most", async () => {
    const test = start();
    await talk(test, 8_000, 600);
    for (let at = 0; at < 5; at++) await talk(test, 0);
    expect(test.outgoing.farBufferMs).toBeLessThanOrEqual(440);
  });

  it("is dropped and counted when the far side does not read", () => {
    const { socket, outgoing } = start({ leadMs: 0 });
    socket.takes = false;
    outgoing.live(frameOf(0), 0);
    expect(outgoing.counts.framesDropped).toBe(1);
  });
});

describe("a buffer", () => {
  it.each([
    [8_000, 20, 320],
    [16_000, 20, 640],
    [24_000, 20, 960],
    [16_000, 10, 320],
  ] as const)("at %i Hz is cut into frames of %i ms", async (sampleRate, framesMs, bytes) => {
    const { sent, outgoing } = start({ sampleRate });
    const pcm = Buffer.alloc(bytes * 3, 7);
    expect(await outgoing.buffer(pcm, { framesMs, bytesPerSample: bytes })).toBe("sent");
    expect(sent.map(({ pcm: frame }) => frame.length)).toEqual([bytes, bytes, bytes]);
  });

  it("pads its last frame when it is told to, and keeps it for the next one else", async () => {
    const { sent, outgoing } = start();
    await outgoing.buffer(Buffer.alloc(700, 1), {});
    await outgoing.buffer(Buffer.alloc(580, 2), {});
    expect(sent).toHaveLength(2);
    expect([...sent[1]!.pcm.subarray(58, 62)]).toEqual([1, 1, 2, 2]);
    await outgoing.buffer(Buffer.alloc(2, 3), { padLastFrame: true });
    expect([...sent[2]!.pcm.subarray(0, 4)]).toEqual([3, 3, 0, 0]);
    expect(sent[2]!.pcm).toHaveLength(640);
  });

  it.each([8_000, 16_000, 24_000])(
    "at %i Hz is given ahead as far as the active window goes, and not beyond",
    async (sampleRate) => {
      const { clock, sent, outgoing } = start({ sampleRate, activeSeconds: 2 });
      const done = outgoing.buffer(Buffer.alloc(sampleRate * 2 * 10), {});
      const ahead: number[] = [];
      for (let ms = 0; ms < 9_000; ms += 100) {
        await clock.pass(100);
        ahead.push(outgoing.farBufferMs);
      }
      expect(await done).toBe("sent");
      expect(sent).toHaveLength(500);
      expect(Math.max(...ahead)).toBeLessThanOrEqual(2_000);
      expect(Math.min(...ahead.slice(0, -5))).toBeGreaterThanOrEqual(900);
    },
  );

  it("never has more messages over there than the far side holds", async () => {
    const { clock, sent, outgoing } = start({ activeSeconds: 60 });
    void outgoing.buffer(Buffer.alloc(SECOND * 100), { framesMs: 10 });
    await clock.pass(1_000);
    expect(sent.length).toBeLessThanOrEqual(3_072 + 100);
    outgoing.close();
  });

  it("follows the window when that is changed, and refuses one that is none", async () => {
    const { clock, sent, outgoing } = start({ activeSeconds: 1 });
    void outgoing.buffer(Buffer.alloc(SECOND * 10), {});
    await clock.pass(1);
    expect(sent).toHaveLength(50);
    outgoing.setBufferTiming(3);
    await clock.pass(1);
    expect(sent).toHaveLength(150);
    for (const wrong of [0, -1, 61, Number.NaN]) {
      expect(() => outgoing.setBufferTiming(wrong)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION" }),
      );
    }
    outgoing.close();
  });

  it("is dropped by a flush, and what follows goes out at once", async () => {
    const { clock, sent, outgoing } = start({ activeSeconds: 1 });
    const first = outgoing.buffer(Buffer.alloc(SECOND * 10 + 8), {});
    await clock.pass(100);
    outgoing.flush();
    expect(await first).toBe("flushed");
    expect(outgoing.queuedMs).toBe(0);
    const before = sent.length;
    expect(await outgoing.buffer(Buffer.alloc(640, 9), {})).toBe("sent");
    expect(sent.slice(before).map(({ pcm }) => pcm[0])).toEqual([9]);
  });

  it("waits for a far side that does not read", async () => {
    const { clock, sent, socket, outgoing } = start();
    socket.takes = false;
    const done = outgoing.buffer(Buffer.alloc(6_400), {});
    await clock.pass(500);
    expect(sent).toHaveLength(0);
    socket.takes = true;
    await clock.pass(30);
    expect(await done).toBe("sent");
    expect(sent).toHaveLength(10);
  });

  it("is drained once the far side has played it", async () => {
    const { clock, outgoing } = start();
    void outgoing.buffer(Buffer.alloc(SECOND), {});
    let isDrained = false;
    void outgoing.drained().then(() => {
      isDrained = true;
    });
    await clock.pass(990);
    expect(isDrained).toBe(false);
    await clock.pass(20);
    expect(isDrained).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("is refused when it is no audio of the call's, or more than five minutes", async () => {
    const { outgoing } = start();
    const refused = (pcm: Buffer, options: object) => expect(outgoing.buffer(pcm, options)).rejects;
    await refused(Buffer.alloc(3), {}).toMatchObject({ code: "INVALID_AUDIO" });
    await refused(Buffer.alloc(640), { bytesPerSample: 320 }).toMatchObject({ code: "INVALID_OPTION" });
    await refused(Buffer.alloc(640), { framesMs: 30 }).toMatchObject({ code: "INVALID_OPTION" });
    await refused(Buffer.alloc(SECOND * 301), {}).toMatchObject({ code: "QUEUE_FULL" });
  });
});
