import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeWav } from "../decodeWav.ts";
import { acquireWorker, releaseWorker, type SileroWorker } from "./SileroWorker.ts";
import { SpeechDetector } from "./SpeechDetector.ts";
import { DEFAULT_SPEECH_GATE, type SpeechChange } from "./SpeechGate.ts";

const RATE = 16_000;
/** Of the model's chunks, against whose grid a word may begin anywhere. */
const PHASES_MS = [0, 8, 16, 24];
const PIECE = 160;

let worker: SileroWorker;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-detector-"));
  worker = await acquireWorker();
});

afterAll(async () => {
  releaseWorker();
  await rm(folder, { recursive: true });
});

async function speak(text: string): Promise<Int16Array> {
  const path = join(folder, "speech.wav");
  await promisify(execFile)("flite", ["-voice", "rms", "-t", text, "-o", path]);
  const { pcm } = decodeWav(await readFile(path));
  return pcm.subarray(pcm.findIndex((sample) => Math.abs(sample) > 500));
}

/** What a detector tells of `pcm`, on the time of the audio, as fast as the model goes. */
async function detect(pcm: Int16Array): Promise<(SpeechChange & { toldMs: number })[]> {
  const stream = worker.openStream();
  const told: (SpeechChange & { toldMs: number })[] = [];
  let judgedMs = 0;
  let last: Promise<unknown> = Promise.resolve();
  const detector = new SpeechDetector(
    {
      analyze: (chunk) => {
        const probability = stream.analyze(chunk);
        last = probability;
        return probability;
      },
      reset: () => stream.reset(),
    },
    DEFAULT_SPEECH_GATE,
    {
      judged: (_, timestampUs) => {
        judgedMs = timestampUs / 1000 + 32;
      },
      changed: (change) => told.push({ ...change, toldMs: judgedMs }),
      failed: (error) => expect(error).toBeUndefined(),
    },
  );
  for (let at = 0; at < pcm.length; at += PIECE) {
    detector.push(pcm.subarray(at, at + PIECE), (at * 1_000_000) / RATE);
    await last;
  }
  worker.closeStream(stream);
  return told;
}

/** A question, a pause, and `word` after it: how long after its first sample it is known for speech, on average. */
async function startedAfterMs(question: Int16Array, pauseMs: number, word: Int16Array): Promise<number> {
  const delays: number[] = [];
  for (const phaseMs of PHASES_MS) {
    const wordAt = question.length + ((pauseMs + phaseMs) * RATE) / 1000;
    const pcm = new Int16Array(wordAt + RATE / 2);
    pcm.set(question);
    pcm.set(word.subarray(0, RATE / 2), wordAt);
    const started = (await detect(pcm)).filter(({ type }) => type === "started").at(-1)!;
    delays.push(started.toldMs - (wordAt * 1000) / RATE);
  }
  return delays.reduce((sum, delay) => sum + delay) / delays.length;
}

describe("SpeechDetector", () => {
  it("notices a voice after a long silence as soon as after a short one", async () => {
    const [question, stop] = [await speak("what are your opening hours"), await speak("stop please")];
    // 138 ms both; 186 and 202 when the model remembers the silence.
    for (const pauseMs of [1_000, 9_000])
      expect(await startedAfterMs(question, pauseMs, stop)).toBeLessThan(175);
  }, 60_000);

  it("hears a voice whose audio goes on after a pause without any", async () => {
    const told: string[] = [];
    let reset = 0;
    const listener = {
      judged: () => {},
      changed: ({ type }: SpeechChange) => told.push(type),
      failed: () => {},
    };
    const stream = { analyze: () => Promise.resolve(0.9), reset: () => reset++ };
    const detector = new SpeechDetector(stream as never, DEFAULT_SPEECH_GATE, listener);
    detector.push(new Int16Array(1_300), 0);
    await Promise.resolve();
    await Promise.resolve();
    detector.pause();
    detector.push(new Int16Array(1_024), 5_000_000);
    await Promise.resolve();
    await Promise.resolve();
    expect(told).toEqual(["suspected", "started", "stopped", "suspected", "started"]);
    expect(reset).toBe(1);
  });
});
