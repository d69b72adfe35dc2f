import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFrame } from "./AudioFrame.ts";
import { AudioSource, type AudioSourceOptions } from "./AudioSource.ts";
import { ScriptedEngine } from "./testing/ScriptedEngine.ts";

const RATE = 8_000;
const open: AudioSource[] = [];

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  for (const source of open.splice(0)) source.close();
  vi.useRealTimers();
});

/** A source with the LiveKit SDK's queue, on an engine that plays when it is told to. */
function create(options: AudioSourceOptions = {}) {
  const engine = new ScriptedEngine();
  const source = new AudioSource({ sampleRate: RATE, channels: 1, queueSizeMs: 100, ...options }, engine);
  open.push(source);
  return { source, play: (ms: number) => engine.play(source.producer, ms) };
}

function frame(ms: number): Int16Array {
  return new Int16Array((RATE * ms) / 1000).fill(1_000);
}

/** Whether a promise is settled once timers up to a second have run. */
async function outcome(promise: Promise<unknown>): Promise<string> {
  let settled = "waits";
  promise.then(
    () => {
      settled = "done";
    },
    (error: { code: string }) => {
      settled = error.code;
    },
  );
  await vi.advanceTimersByTimeAsync(1_000);
  return settled;
}

/** The sentences on the LiveKit SDK's AudioSource, one a row. */
const SENTENCES: [sentence: string, check: () => Promise<void>][] = [
  [
    "the queue size is a multiple of 10 ms",
    async () => {
      for (const queueSizeMs of [15, -10, 0.5, Number.NaN]) {
        expect(() => create({ queueSizeMs })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
      }
      expect(() => create({ queueSizeMs: 50, capacityMs: 100 })).toThrow(
        expect.objectContaining({ field: "AudioSource.queueSizeMs" }),
      );
      expect(create({ queueSizeMs: 1_000 }).source.queuedDuration).toBe(0);
    },
  ],
  [
    "a capture returns at once while the queue with the frame in it is within the limit",
    async () => {
      const { source } = create();
      await source.write(frame(60));
      await source.write(frame(40));
      expect(source.queuedDurationMs).toBe(100);
    },
  ],
  [
    "else it returns when the queue has drained to the limit",
    async () => {
      const { source, play } = create();
      await source.write(frame(60));
      const capture = source.write(frame(90));
      expect(await outcome(capture)).toBe("waits");
      play(40);
      expect(await outcome(capture)).toBe("waits");
      play(10);
      expect(await outcome(capture)).toBe("done");
      expect(source.queuedDurationMs).toBe(100);
    },
  ],
  [
    "the buffer holds twice the limit, and a frame is taken whole or not at all",
    async () => {
      const { source } = create();
      await source.write(frame(100));
      await expect(source.write(frame(110))).rejects.toMatchObject({ code: "QUEUE_FULL" });
      expect(source.queuedDurationMs).toBe(100);
      source.write(frame(100)).catch(() => {});
      expect(source.queuedDurationMs).toBe(200);
    },
  ],
  [
    "a second capture while one waits fails",
    async () => {
      const { source, play } = create();
      const first = source.write(frame(150));
      await expect(source.write(frame(10))).rejects.toMatchObject({ code: "INVALID_STATE" });
      expect(source.tryWrite(frame(10))).toBe(0);
      play(50);
      expect(await outcome(first)).toBe("done");
      expect(await outcome(source.write(frame(10)))).toBe("waits");
    },
  ],
  [
    "a wrong rate or channel count is an error",
    async () => {
      const { source } = create();
      const wrongRate = createFrame(new Int16Array(160), { sampleRate: 16_000, channels: 1 });
      const wrongChannels = createFrame(new Int16Array(160), { sampleRate: RATE, channels: 2 });
      for (const audio of [wrongRate, wrongChannels])
        await expect(source.write(audio)).rejects.toMatchObject({ code: "INVALID_AUDIO" });
    },
  ],
  [
    "an empty frame returns in silence",
    async () => {
      const { source } = create();
      const blocked = source.write(frame(150));
      await source.write(new Int16Array(0));
      await create({ queueSizeMs: 0 }).source.write(new Int16Array(0));
      source.clear();
      await blocked;
    },
  ],
  [
    "a closed source returns in silence, also the capture that waits",
    async () => {
      const { source } = create();
      const waiting = source.write(frame(150));
      source.close();
      await waiting;
      await source.write(frame(10));
      expect(source.tryWrite(frame(10))).toBe(0);
    },
  ],
  [
    "0 means no queue: frames of 10 ms only, and no capture waits",
    async () => {
      const { source } = create({ queueSizeMs: 0 });
      await expect(source.write(frame(20))).rejects.toMatchObject({ code: "INVALID_AUDIO" });
      for (let count = 0; count < 10; count++) await source.write(frame(10));
      expect(source.queuedDurationMs).toBe(40);
      expect(source.droppedDurationMs).toBe(60);
    },
  ],
  [
    "the queued duration is in seconds",
    async () => {
      const { source } = create();
      await source.write(frame(80));
      expect(source.queuedDuration).toBe(0.08);
      source.close();
      expect(source.queuedDuration).toBe(0);
    },
  ],
  [
    "clearing the queue resolves the wait for playout, and the capture that waits",
    async () => {
      const { source } = create();
      const capture = source.write(frame(150));
      const playout = source.waitForPlayout();
      expect(await outcome(playout)).toBe("waits");
      expect(source.clear()).toBe(150);
      await capture;
      expect(await playout).toBe("cleared");
    },
  ],
  [
    "the wait for playout returns at once when idle, and with the last sample when not",
    async () => {
      const { source, play } = create();
      expect(await source.waitForPlayout()).toBe("played");
      await source.write(frame(100));
      const playout = source.waitForPlayout();
      play(90);
      expect(await outcome(playout)).toBe("waits");
      play(10);
      expect(await playout).toBe("played");
    },
  ],
];

describe("AudioSource with queueSizeMs, as the LiveKit SDK has it", () => {
  it.each(SENTENCES)("%s", async (_, check) => await check());

  it("stops waiting when its signal aborts; what was taken is played all the same", async () => {
    const { source } = create();
    const controller = new AbortController();
    const capture = source.write(frame(150), { signal: controller.signal });
    controller.abort();
    await expect(capture).rejects.toMatchObject({ code: "CANCELLED" });
    expect(source.queuedDurationMs).toBe(150);
    await expect(source.write(frame(10), { signal: controller.signal })).rejects.toMatchObject({
      code: "CANCELLED",
    });
  });
});
