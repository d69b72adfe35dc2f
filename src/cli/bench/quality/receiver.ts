import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StatsEntry } from "../../../index.ts";
import type { Impairment } from "../../../testing/index.ts";
import { BenchChild } from "../childProcess.ts";
import { rounded } from "../figures.ts";
import { type Heard, judge, type ReceiverFigures, type Scored, withScores } from "./judge.ts";
import { findPython } from "./python.ts";
import { chosenRows, PATH_DELAY_MS, SEED } from "./rows.ts";
import { makeSpeech, SAMPLE_RATE } from "./speech.ts";

/** Our receiver alone: no retransmissions, no machine that is busy otherwise, the same figures at every run. */
export interface ReceiverBenchFigures {
  seconds: number;
  rows: ({ name: string } & ReceiverFigures)[];
  /** An hour from a sender whose clock is 200 ppm fast or slow. */
  hours: HourFigures[];
}

export interface HourFigures {
  name: string;
  concealedPercent: number;
  gaps: number;
  /** Of six windows of 10 s over the hour. */
  score: number;
  worstScore: number;
  /** Added delay of the first window and of the last. */
  firstDelayMs: number;
  lastDelayMs: number;
  /** How much faster than the clock it ran. */
  speed: number;
}

const WARM_UP_SECONDS = 5;
const HOUR_SECONDS = 3_600;
/** The hour says the same minute over and over. */
const LOOP_SECONDS = 60;
const WINDOW_SECONDS = 10;
const WINDOWS = 6;
const DRIFT_PPM = 200;
const PPM = 1e-6;
const SIMULATED_WITHIN_MS = 300_000;

/**
 * Plays every row into our receiver on simulated time, and an hour of clock drift.
 *
 * @throws TroupeError INVALID_OPTION for a row that is none, NOT_INSTALLED without ViSQOL.
 */
export async function benchReceiver(
  options: { seconds: number; rows?: string[] },
  signal: AbortSignal,
): Promise<ReceiverBenchFigures> {
  const rows = chosenRows(options.rows);
  const python = await findPython(signal);
  const seconds = WARM_UP_SECONDS + options.seconds;
  const speech = await makeSpeech(seconds);
  const scored: Scored[] = [];
  await inProcess(signal, async (child, folder) => {
    for (const { impairment } of rows) {
      const heard = await hear(child, folder, { ...impairment, delayMs: PATH_DELAY_MS }, seconds, seconds);
      const { clockDriftPpm } = impairment;
      scored.push(judge(speech, heard, { warmUpSeconds: WARM_UP_SECONDS, clockDriftPpm }));
    }
  });
  const figures = await withScores(scored, { python, signal });
  return {
    seconds: options.seconds,
    rows: rows.map(({ name }, index) => ({ name, ...figures[index]! })),
    hours: options.rows ? [] : await measureHours(python, signal),
  };
}

/** An hour of a sender whose clock is 200 ppm fast, and one of a slow one. */
export async function measureHours(python: string, signal: AbortSignal): Promise<HourFigures[]> {
  const hours: HourFigures[] = [];
  await inProcess(signal, async (child, folder) => {
    for (const ppm of [DRIFT_PPM, -DRIFT_PPM])
      hours.push(await measureHour(child, folder, ppm, { python, signal }));
  });
  return hours;
}

/** Runs `work` with a process for simulated time and a folder for what is heard in it. */
async function inProcess(
  signal: AbortSignal,
  work: (child: BenchChild, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "troupe-receiver-"));
  const child = new BenchChild("quality/manualProcess");
  const kill = () => child.close();
  signal.addEventListener("abort", kill, { once: true });
  try {
    await work(child, folder);
  } finally {
    signal.removeEventListener("abort", kill);
    child.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function hear(
  child: BenchChild,
  folder: string,
  impairment: Impairment,
  seconds: number,
  loopSeconds: number,
): Promise<Heard> {
  const path = join(folder, "heard");
  const stats = await child.request<StatsEntry>(
    "hear",
    // Beyond the end of the speech, so that the last of it is heard.
    { seconds: seconds + 1, loopSeconds, impairment: { ...impairment, seed: SEED }, path },
    SIMULATED_WITHIN_MS,
  );
  const bytes = await readFile(`${path}.pcm`);
  return {
    audio: { startedAtMs: 0, pcm: new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2) },
    firstDueMs: impairment.delayMs ?? 0,
    before: [],
    after: [stats],
    packetsLostOnLink: Number(stats.packetsLostOnLink),
    machineLateMs: 0,
  };
}

async function measureHour(
  child: BenchChild,
  folder: string,
  clockDriftPpm: number,
  options: { python: string; signal: AbortSignal },
): Promise<HourFigures> {
  const driftMs = HOUR_SECONDS * 1000 * clockDriftPpm * PPM;
  const began = performance.now();
  // A fast clock's packets come earlier and earlier: there must be so much to take away.
  const impairment = { clockDriftPpm, delayMs: PATH_DELAY_MS + Math.max(0, driftMs) };
  const heard = await hear(child, folder, impairment, HOUR_SECONDS, LOOP_SECONDS);
  const tookMs = performance.now() - began;
  const speech = await makeSpeech(LOOP_SECONDS);
  const scored = Array.from({ length: WINDOWS }, (_, index) => {
    // The beginning of the first minute sets the receiver; the last window is that of the last minute.
    const minute = Math.round((index * (HOUR_SECONDS / LOOP_SECONDS - 1)) / (WINDOWS - 1));
    const from = WARM_UP_SECONDS * SAMPLE_RATE;
    const windowMs = (minute * LOOP_SECONDS + WARM_UP_SECONDS) * 1000;
    const firstDueMs = heard.firstDueMs + windowMs - windowMs * clockDriftPpm * PPM;
    return judge(
      speech.subarray(from, from + WINDOW_SECONDS * SAMPLE_RATE),
      { ...heard, firstDueMs },
      { warmUpSeconds: 0, clockDriftPpm },
    );
  });
  const figures = await withScores(scored, options);
  return {
    name: `sender ${Math.abs(clockDriftPpm)} ppm ${clockDriftPpm > 0 ? "fast" : "slow"}`,
    concealedPercent: figures[0]!.concealedPercent,
    gaps: scored.reduce((sum, { gaps }) => sum + gaps, 0),
    score: rounded(figures.reduce((sum, { score }) => sum + score, 0) / WINDOWS),
    worstScore: Math.min(...figures.map(({ worstScore }) => worstScore)),
    firstDelayMs: figures[0]!.addedDelayMs.p50,
    lastDelayMs: figures.at(-1)!.addedDelayMs.p50,
    speed: Math.round((HOUR_SECONDS * 1000) / tookMs),
  };
}
