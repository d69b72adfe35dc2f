import { describe, expect, it, vi } from "vitest";
import { createFrame } from "./AudioFrame.ts";
import { AudioSource } from "./AudioSource.ts";
import { ScriptedEngine } from "./testing/ScriptedEngine.ts";

/** 100 ms at 8 kHz. */
const PIECE = new Int16Array(800);

function create(channels = 1) {
  const engine = new ScriptedEngine();
  const source = new AudioSource({ sampleRate: 8_000, channels, capacityMs: 200 }, engine);
  return { engine, source, play: (ms: number) => engine.play(source.producer, ms) };
}

describe("AudioSource", () => {
  it("refuses options that the engine does not take, naming the field", () => {
    const engine = new ScriptedEngine();
    expect(() => new AudioSource({ sampleRate: 44_000 }, engine)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field: "AudioSource.sampleRate" }),
    );
    expect(() => new AudioSource({ channels: 3 }, engine)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field: "AudioSource.channels" }),
    );
  });

  it("refuses audio of the wrong type, length, rate or channel count", async () => {
    const { source } = create(2);
    const bad: [unknown, string][] = [
      [new Float32Array(4), "pcm"],
      [Buffer.alloc(4), "pcm"],
      [undefined, "pcm"],
      [new Int16Array(3), "pcm.length"],
      [createFrame(new Int16Array(4), { sampleRate: 16_000, channels: 2 }), "frame.sampleRate"],
      [createFrame(new Int16Array(4), { sampleRate: 8_000, channels: 1 }), "frame.channels"],
    ];
    for (const [audio, field] of bad) {
      await expect(source.write(audio as Int16Array)).rejects.toMatchObject({ code: "INVALID_AUDIO", field });
      expect(() => source.tryWrite(audio as Int16Array)).toThrow(
        expect.objectContaining({ code: "INVALID_AUDIO" }),
      );
    }
    expect(source.queuedDurationMs).toBe(0);
    source.close();
  });

  it("keeps a write waiting until its queue has room, and the order of writes", async () => {
    vi.useFakeTimers();
    try {
      const { source, play } = create();
      const done: string[] = [];
      await source.write(PIECE);
      await source.write(PIECE);
      const third = source.write(PIECE).then(() => done.push("third"));
      const fourth = source.write(new Int16Array(80)).then(() => done.push("fourth"));
      expect(source.tryWrite(PIECE)).toBe(0);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(done).toEqual([]);
      play(150);
      await vi.advanceTimersByTimeAsync(1_000);
      await Promise.all([third, fourth]);
      expect(done).toEqual(["third", "fourth"]);
      expect(source.queuedDurationMs).toBe(160);
      source.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it("takes with tryWrite what finds room and says how much that was", () => {
    const { source } = create();
    expect(source.tryWrite(new Int16Array(1_000))).toBe(1_000);
    expect(source.tryWrite(new Int16Array(1_000))).toBe(600);
    source.close();
  });

  it("rejects what waits with CLOSED when it is closed, and everything after", async () => {
    const { source } = create();
    await source.write(PIECE);
    await source.write(PIECE);
    const writing = source.write(PIECE);
    const playing = source.waitForPlayout();
    source.close();
    await expect(writing).rejects.toMatchObject({ code: "CLOSED" });
    await expect(playing).rejects.toMatchObject({ code: "CLOSED" });
    await expect(source.write(PIECE)).rejects.toMatchObject({ code: "CLOSED" });
    expect(() => source.mark()).toThrow(expect.objectContaining({ code: "CLOSED" }));
    expect(source.clear()).toBe(0);
  });

  it("cancels waiting writes when it is cleared or their signal aborts", async () => {
    const { source } = create();
    await source.write(PIECE);
    await source.write(PIECE);
    const controller = new AbortController();
    const aborted = source.write(PIECE, { signal: controller.signal });
    const cleared = source.write(PIECE);
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: "CANCELLED" });
    expect(source.clear()).toBe(200);
    await expect(cleared).rejects.toMatchObject({ code: "CANCELLED" });
    expect(source.queuedDurationMs).toBe(0);
    source.close();
  });

  it("gives a write's time to the engine with the first of its samples only", async () => {
    vi.useFakeTimers();
    try {
      const { engine, source, play } = create();
      await source.write(PIECE);
      const written = source.write(new Int16Array(1_600), { timestampUs: 5_000_000 });
      play(200);
      await vi.advanceTimersByTimeAsync(1_000);
      await written;
      expect(source.tryWrite(new Int16Array(80), { timestampUs: 6_000_000 })).toBe(80);
      expect(engine.dueTimes).toEqual([undefined, 5_000_000, undefined, 6_000_000]);
      source.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it("bounds the writes that wait", async () => {
    const { source } = create();
    await source.write(PIECE);
    await source.write(PIECE);
    const writes = Array.from({ length: 257 }, () => source.write(PIECE));
    const outcomes = Promise.allSettled(writes);
    await expect(writes[256]).rejects.toMatchObject({ code: "QUEUE_FULL" });
    source.close();
    expect((await outcomes).every(({ status }) => status === "rejected")).toBe(true);
  });

  it("waits for playout, and says when the queue was cleared instead", async () => {
    const { source, play } = create();
    expect(await source.waitForPlayout()).toBe("played");
    await source.write(PIECE);
    const played = source.waitForPlayout();
    play(100);
    expect(await played).toBe("played");
    await source.write(PIECE);
    const cleared = source.waitForPlayout();
    await Promise.resolve();
    source.clear();
    expect(await cleared).toBe("cleared");
    source.close();
  });

  it("ends the wait for playout when a stalled event loop lost its mark, and only then", async () => {
    for (const outcome of ["played", "cleared"] as const) {
      const { engine, source, play } = create();
      await source.write(PIECE);
      const outcomes: string[] = [];
      const playout = source.waitForPlayout().then((it) => outcomes.push(it));
      await Promise.resolve();
      engine.loseEvents();
      await new Promise((resolve) => setImmediate(resolve));
      expect(outcomes).toEqual([]);
      engine.losesMarks = true;
      if (outcome === "played") play(100);
      else source.clear();
      engine.loseEvents();
      await playout;
      expect(outcomes).toEqual([outcome]);
      source.close();
    }
  });

  it("stops waiting for playout when the signal aborts", async () => {
    const { source } = create();
    await source.write(PIECE);
    const controller = new AbortController();
    const waiting = source.waitForPlayout({ signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(source.waitForPlayout({ signal: controller.signal })).rejects.toMatchObject({
      code: "CANCELLED",
    });
    expect(source.queuedDurationMs).toBe(100);
    source.close();
  });

  it("reports marks, playout and states", async () => {
    const { source, play } = create();
    const heard: string[] = [];
    source.on("mark", (mark, outcome) => heard.push(`mark ${mark} ${outcome}`));
    source.on("playing", () => heard.push("playing"));
    source.on("drained", () => heard.push("drained"));
    source.on("state", (state) => heard.push(`state ${state}`));
    const release = source.addConsumer();
    await source.write(PIECE);
    expect(source.mark()).toBe(1);
    play(100);
    release();
    release();
    expect(heard).toEqual([
      "state buffering",
      "state playing",
      "playing",
      "mark 1 reached",
      "state idle",
      "drained",
      "state detached",
    ]);
    source.close();
    expect(source.state).toBe("closed");
  });

  it("goes on when a listener throws", async () => {
    const { source, play } = create();
    const drained = vi.fn();
    source.on("playing", () => {
      throw new Error("listener broke");
    });
    source.on("drained", drained);
    await source.write(PIECE);
    play(100);
    expect(drained).toHaveBeenCalledOnce();
    source.close();
  });
});
