import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { TroupeError } from "../../core/index.ts";
import { VAD_CHUNK_SAMPLES } from "./SileroWorker.ts";
import { DEFAULT_VAD_THRESHOLD, Vad } from "./Vad.ts";

const execute = promisify(execFile);
const opened: Vad[] = [];
let speech: Int16Array;

async function create(): Promise<Vad> {
  const vad = await Vad.create();
  opened.push(vad);
  return vad;
}

/** The probability of each chunk in a row. */
function probabilities(vad: Vad, pcm: Int16Array): Promise<number[]> {
  const results: Promise<number>[] = [];
  for (let at = 0; at + VAD_CHUNK_SAMPLES <= pcm.length; at += VAD_CHUNK_SAMPLES)
    results.push(vad.analyze(pcm.subarray(at, at + VAD_CHUNK_SAMPLES)));
  return Promise.all(results);
}

const share = (values: number[], threshold: number) =>
  values.filter((value) => value >= threshold).length / values.length;

/** Noise that is the same at each run. */
function noise(samples: number, amplitude: number): Int16Array {
  let seed = 1;
  return Int16Array.from({ length: samples }, () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed / 2 ** 31 - 1) * amplitude;
  });
}

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "troupe-vad-"));
  const path = join(folder, "speech.wav");
  await execute("flite", [
    "-voice",
    "slt",
    "-t",
    "I would like two coffees and a green tea please",
    "-o",
    path,
  ]);
  const file = await readFile(path);
  speech = new Int16Array(file.buffer.slice(file.byteOffset + 44, file.byteOffset + file.length));
  await rm(folder, { recursive: true });
});

afterEach(() => {
  for (const vad of opened.splice(0)) vad.close();
});

describe("Vad", () => {
  it("hears speech in speech", async () => {
    expect(share(await probabilities(await create(), speech), DEFAULT_VAD_THRESHOLD)).toBeGreaterThan(0.6);
  });

  it("hears none in silence, noise and a tone", async () => {
    const tone = Int16Array.from(
      { length: 32_000 },
      (_, at) => 9_000 * Math.sin((2 * Math.PI * 440 * at) / 16_000),
    );
    for (const pcm of [new Int16Array(32_000), noise(32_000, 3_000), tone])
      expect(share(await probabilities(await create(), pcm), 0.5)).toBeLessThan(0.05);
  });

  it("gives each stream in a batch what it would get alone", async () => {
    const alone = await probabilities(await create(), speech);
    const [again, quiet, third] = await Promise.all([
      create().then((vad) => probabilities(vad, speech)),
      create().then((vad) => probabilities(vad, new Int16Array(speech.length))),
      create().then((vad) => probabilities(vad, speech)),
    ]);
    for (const values of [again!, third!])
      for (const [index, value] of values.entries()) expect(value).toBeCloseTo(alone[index]!, 4);
    expect(Math.max(...quiet!)).toBeLessThan(0.3);
  });

  it("takes frames of any length and judges them alike", async () => {
    const whole = await probabilities(await create(), speech);
    const vad = await create();
    let last = 0;
    const samples = whole.length * VAD_CHUNK_SAMPLES;
    for (let at = 0; at < samples; at += 160)
      last = await vad.analyze({
        pcm: speech.subarray(at, Math.min(at + 160, samples)),
        sampleRate: 16_000,
        channels: 1,
      });
    expect(last).toBeCloseTo(whole.at(-1)!, 4);
  });

  it("forgets at reset", async () => {
    const vad = await create();
    const first = await probabilities(vad, speech);
    vad.reset();
    const second = await probabilities(vad, speech);
    for (const [index, value] of second.entries()) expect(value).toBeCloseTo(first[index]!, 4);
  });

  it("refuses other formats, and everything once closed", async () => {
    const vad = await create();
    const pcm = new Int16Array(480);
    await expect(vad.analyze({ pcm, sampleRate: 48_000, channels: 1 })).rejects.toMatchObject({
      code: "INVALID_AUDIO",
      field: "frame.sampleRate",
    });
    await expect(vad.analyze({ pcm, sampleRate: 16_000, channels: 2 })).rejects.toMatchObject({
      field: "frame.channels",
    });
    await expect(vad.analyze("loud" as never)).rejects.toBeInstanceOf(TroupeError);
    expect(await vad.analyze(new Int16Array(512))).toBeLessThan(0.5);
    vad.close();
    await expect(vad.analyze(new Int16Array(512))).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("rejects what waits when it is closed", async () => {
    const vad = await create();
    const waiting = vad.analyze(speech);
    vad.close();
    await expect(waiting).rejects.toMatchObject({ code: "CLOSED" });
  });
});
