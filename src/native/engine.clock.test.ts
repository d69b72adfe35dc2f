import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { joined, tone } from "../../test/fixtures/manualEngine.ts";
import { Engine } from "./index.ts";

describe("the engine by the clock", () => {
  afterEach(() => Engine.stop());

  it("delivers what a source plays", async () => {
    const engine = Engine.shared();
    const speaker = engine.createSource({ sampleRate: 48_000, channels: 1, capacityMs: 1_000 });
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    const frames: Int16Array[] = [];
    const pcm = tone(440, 4_800);
    const done = new Promise<void>((resolve) => {
      sink.events.on("frame", (frame) => {
        frames.push(frame.pcm.slice());
        if (frames.length === 10) resolve();
      });
    });
    // The clock keeps no process alive; this does.
    const alive = setInterval(() => {}, 1_000);
    speaker.write(pcm);
    await done;
    clearInterval(alive);
    expect(joined(frames)).toEqual(pcm);
  });

  it("drops the oldest audio of a loop that stalls, and keeps the events", async () => {
    const engine = Engine.shared();
    const speaker = engine.createSource({ sampleRate: 48_000, channels: 1, capacityMs: 2_000 });
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    let frames = 0;
    sink.events.on("frame", () => frames++);
    const reached = new Promise<number>((resolve) => speaker.events.on("mark", resolve));
    const drained = new Promise<void>((resolve) => {
      speaker.events.on("state", (state) => state === "drained" && resolve());
    });
    const alive = setInterval(() => {}, 1_000);
    speaker.write(tone(440, 480));
    speaker.mark(5);
    speaker.write(tone(440, 95_000));
    // Nothing is delivered while this blocks, however long the clock takes to play it all.
    while (speaker.queuedUs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    expect(await reached).toBe(5);
    await drained;
    clearInterval(alive);
    const stats = engine.stats();
    expect(stats.framesDropped).toBeGreaterThan(100);
    expect(frames + stats.framesDropped).toBeGreaterThanOrEqual(190);
  });

  it("lets the event loop turn while listeners are slower than the clock, and counts what they lose", async () => {
    const engine = Engine.shared();
    const speaker = engine.createSource({ sampleRate: 48_000, channels: 1, capacityMs: 10_000 });
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    let frames = 0;
    const framesAtTurn: number[] = [];
    const turning = setInterval(() => framesAtTurn.push(frames), 1);
    const done = new Promise<void>((resolve) => {
      sink.events.on("frame", () => {
        frames += 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 15);
        if (frames === 150) resolve();
      });
    });
    speaker.write(tone(440, 480_000));
    await done;
    clearInterval(turning);
    // Between the first frame and the last, not only before and after.
    expect(new Set(framesAtTurn).size).toBeGreaterThan(50);
    expect(engine.stats().framesDropped).toBeGreaterThan(0);
  });

  it("ends with a worker that is terminated while it plays", async () => {
    const script = `
      import { parentPort } from "node:worker_threads";
      const { Engine } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
      const engine = Engine.shared();
      const source = engine.createSource({ sampleRate: 48000, channels: 1, capacityMs: 1000 });
      const sink = engine.createSink({ sampleRate: 48000, channels: 1, frameMs: 10 });
      sink.bind(source);
      sink.events.once("frame", () => parentPort.postMessage("heard"));
      source.write(new Int16Array(48000));
      setInterval(() => {}, 1000);`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
    const heard = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    expect(heard).toBe("heard");
    expect(await worker.terminate()).toBe(1);
  });
});
