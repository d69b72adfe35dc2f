import { Worker } from "node:worker_threads";
import { loadBinding } from "../../src/native/index.ts";
import { Random } from "../chaos/Random.ts";
import { type Held, readHeld, troupeThreads } from "./Resources.ts";

/** What a worker says of itself as it goes on; it is terminated soon after one of these. */
const STAGES = ["online", "loaded", "negotiated", "connected", "flowing", "closing"] as const;
const LATEST_MS = 40;
const STAGE_WITHIN_MS = 60_000;
const SETTLE_WITHIN_MS = 10_000;

export interface WorkersFigures {
  rounds: number;
  seed: number;
  /** How many were terminated after which stage. */
  terminated: Record<string, number>;
  held: { settled: Held; last: Held };
  failures: string[];
}

/**
 * Worker threads with an engine, sessions, audio and data channels, terminated at every stage in turn, as long after it
 * as `seed` decides. What is left of each in the process is a failure; a crash ends the process.
 */
export async function terminateWorkers({
  rounds,
  seed,
}: {
  rounds: number;
  seed: number;
}): Promise<WorkersFigures> {
  const random = new Random(seed);
  const terminated: Record<string, number> = {};
  const failures: string[] = [];
  // Two that run to the end first: what the process keeps from then on is loaded by then.
  for (let warmUp = 0; warmUp < 2; warmUp += 1) await oneWorker("closing", LATEST_MS);
  const settled = readHeld();
  for (let round = 0; round < rounds; round += 1) {
    const stage = STAGES[round % STAGES.length]!;
    terminated[stage] = (terminated[stage] ?? 0) + 1;
    await oneWorker(stage, random.below(LATEST_MS));
    const left = { ...loadBinding().transportHandles(), ...troupeThreads() };
    if (Object.values(left).some((count) => count > 0)) {
      failures.push(`round ${round}, terminated after ${stage}: ${JSON.stringify(left)} left`);
    }
  }
  // The kernel may count a thread that has been joined for a moment longer.
  const endMs = performance.now() + SETTLE_WITHIN_MS;
  let last = readHeld();
  while (
    (last.threads > settled.threads || last.descriptors > settled.descriptors) &&
    performance.now() < endMs
  ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    last = readHeld();
  }
  if (last.threads > settled.threads) failures.push(`threads grew by ${last.threads - settled.threads}`);
  if (last.descriptors > settled.descriptors) {
    failures.push(`descriptors grew by ${last.descriptors - settled.descriptors}`);
  }
  return { rounds, seed, terminated, held: { settled, last }, failures };
}

async function oneWorker(stage: (typeof STAGES)[number], delayMs: number): Promise<void> {
  const worker = new Worker(new URL("./busy.worker.ts", import.meta.url));
  const reached = Promise.withResolvers<void>();
  worker.on("message", (said) => said === stage && reached.resolve());
  worker.on("error", reached.reject);
  if (stage === "online") worker.on("online", () => reached.resolve());
  const timer = setTimeout(
    () => reached.reject(new Error(`a worker was not ${stage} within ${STAGE_WITHIN_MS / 1000} s`)),
    STAGE_WITHIN_MS,
  );
  try {
    await reached.promise;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
