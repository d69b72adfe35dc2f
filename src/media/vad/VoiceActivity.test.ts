import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { pass, useManualEngine } from "../../../test/fixtures/manualEngine.ts";
import { Engine } from "../../native/index.ts";
import { AudioSource } from "../AudioSource.ts";
import { decodeWav } from "../decodeWav.ts";
import { VoiceActivity, type VoiceActivityOptions } from "./VoiceActivity.ts";

const RATE = 16_000;
const closing: (() => void)[] = [];
let speech: Int16Array;

async function open(options?: VoiceActivityOptions) {
  const source = new AudioSource({ sampleRate: RATE, capacityMs: 10_000 });
  const activity = new VoiceActivity(source, options);
  closing.push(
    () => activity.close(),
    () => source.close(),
  );
  const edges: { type: string; timestampUs: number }[] = [];
  for (const type of ["speechSuspected", "speechDismissed", "speechStarted", "speechStopped"] as const)
    activity.on(type, ({ timestampUs }) => edges.push({ type, timestampUs }));
  await activity.ready();
  return { source, activity, edges };
}

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "troupe-activity-"));
  const path = join(folder, "speech.wav");
  await promisify(execFile)("flite", ["-voice", "rms", "-t", "two coffees and a green tea", "-o", path]);
  speech = decodeWav(await readFile(path)).pcm;
  await rm(folder, { recursive: true });
});

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

describe("VoiceActivity", () => {
  it("tells where speech starts and stops in a source, by the time of the audio", async () => {
    const { source, activity, edges } = await open();
    const stopped = new Promise((resolve) => activity.once("speechStopped", resolve));
    await source.write(speech);
    await source.write(new Int16Array(RATE));
    await stopped;
    expect(edges.map(({ type }) => type)).toEqual(["speechSuspected", "speechStarted", "speechStopped"]);
    const spokenMs = (edges[2]!.timestampUs - edges[1]!.timestampUs) / 1000;
    const wholeMs = (speech.length * 1000) / RATE;
    expect(spokenMs).toBeGreaterThan(wholeMs * 0.5);
    expect(spokenMs).toBeLessThan(wholeMs);
    expect(activity.droppedMs).toBe(0);
  });

  it("hears nothing in a tone", async () => {
    const { source, edges } = await open();
    await source.write(
      Int16Array.from({ length: RATE }, (_, at) => 8_000 * Math.sin((2 * Math.PI * 440 * at) / RATE)),
    );
    await source.waitForPlayout();
    expect(edges.filter(({ type }) => type === "speechStarted")).toEqual([]);
  });

  it("ends speech when its audio ends", async () => {
    const { source, activity, edges } = await open();
    const started = new Promise((resolve) => activity.once("speechStarted", resolve));
    const ended = new Promise<void>((resolve) => activity.once("ended", resolve));
    await source.write(speech);
    await started;
    expect(activity.speaking).toBe(true);
    source.close();
    await ended;
    expect(edges.at(-1)?.type).toBe("speechStopped");
    expect(activity.speaking).toBe(false);
  });

  it("refuses options out of range", () => {
    const source = new AudioSource({ sampleRate: RATE });
    closing.push(() => source.close());
    expect(() => new VoiceActivity(source, { threshold: 2 })).toThrow(/VoiceActivity.threshold/);
    expect(() => new VoiceActivity(source, { hangoverMs: -1 })).toThrow(/VoiceActivity.hangoverMs/);
    expect(() => new VoiceActivity("loud" as never)).toThrow(/producer/);
  });
});

describe("VoiceActivity whose model is late", () => {
  beforeEach(() => Engine.stop());
  useManualEngine();

  it("judges what was heard before silence ends speech", async () => {
    using source = new AudioSource({ sampleRate: RATE });
    using activity = new VoiceActivity(source);
    await activity.ready();
    const stopped = new Promise<void>((resolve) => activity.once("speechStopped", () => resolve()));
    const started: number[] = [];
    activity.on("speechStarted", ({ timestampUs }) => started.push(timestampUs));
    await source.write(speech.subarray(0, 0.8 * RATE));
    // All of it, and the silence after it, come before the model says a word.
    pass(2_000);
    expect(source.state).toBe("idle");
    await stopped;
    expect(started).toHaveLength(1);
    expect(activity.speaking).toBe(false);
    expect(activity.droppedMs).toBe(0);
  });
});
