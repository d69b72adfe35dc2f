import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nowUs, pass, useManualEngine } from "../../test/fixtures/manualEngine.ts";
import { AudioSource } from "./AudioSource.ts";
import { decodeWav } from "./decodeWav.ts";
import { Recorder } from "./Recorder.ts";

const SAMPLE_RATE = 48_000;
const PER_MS = SAMPLE_RATE / 1_000;
const clock = { nowUs: () => nowUs, setTimeout: () => undefined, clearTimeout: () => {} };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "recorder-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a recorder on the engine", () => {
  useManualEngine();

  it("records what sources play, aligned by time", async () => {
    const path = join(folder, "two.wav");
    using first = new AudioSource({ sampleRate: SAMPLE_RATE });
    using second = new AudioSource({ sampleRate: SAMPLE_RATE });
    const recorder = new Recorder({ path, tracks: [first, second] }, { clock });
    pass(50);
    await first.write(new Int16Array(100 * PER_MS).fill(1_000));
    pass(150);
    await second.write(new Int16Array(100 * PER_MS).fill(2_000));
    pass(150);
    await recorder.close();
    const [left, right] = await readStereo(path);
    expect(left).toHaveLength(350 * PER_MS);
    expect(left.filter((sample) => sample === 1_000)).toHaveLength(100 * PER_MS);
    expect(right.filter((sample) => sample === 2_000)).toHaveLength(100 * PER_MS);
    expect(left.indexOf(1_000)).toBe(50 * PER_MS);
    expect(right.indexOf(2_000)).toBe(200 * PER_MS);
  });
});

async function readStereo(path: string): Promise<[left: number[], right: number[]]> {
  const samples = [...decodeWav(await readFile(path)).pcm];
  return [samples.filter((_, at) => at % 2 === 0), samples.filter((_, at) => at % 2 === 1)];
}
