// The benches that `troupe bench` runs. Each measures bots in one process, everything else in others.
import { TroupeError } from "../../core/index.ts";
import { benchBlocked } from "./blocked.ts";
import { benchConnector } from "./connector/connector.ts";
import { benchInterruption } from "./interruption/interruption.ts";
import { benchLiveKit } from "./livekit/livekit.ts";
import { LIBWEBRTC_COMPLEXITY } from "./livekit/published.ts";
import { benchMixer } from "./mixer.ts";
import { benchNetworkChange } from "./network/networkChange.ts";
import { benchProcessing } from "./processing.ts";
import { benchQuality } from "./quality/quality.ts";
import { benchReceiver } from "./quality/receiver.ts";
import { benchRestart } from "./restart.ts";
import { benchSoak } from "./soak.ts";
import { benchStage } from "./stageLoad.ts";
import { benchTransform } from "./transform.ts";
import { benchTransport } from "./transport/transport.ts";
import { benchVoice } from "./voice.ts";
import { benchVoices } from "./voices.ts";

export interface BenchOptions {
  bots?: number;
  seconds?: number;
  /** Connector: other names for bots and for 60 seconds. */
  calls?: number;
  /** Transport: another name for bots. */
  pairs?: number;
  minutes?: number;
  /** Network change: how often each kind for each transport; 20 when left out. */
  changes?: number;
  complexity?: number;
  /** Voice: how much of the time each bot speaks, 0 to 1; all of it when left out. */
  speechShare?: number;
  /** Names of rows of the quality bench, or kinds of network change; all when left out. */
  rows?: string[];
  /** Where the quality bench writes its table. */
  report?: string;
  json?: boolean;
}

interface Bench {
  run: (
    options: Required<Pick<BenchOptions, "bots" | "seconds" | "complexity">> & BenchOptions,
    signal: AbortSignal,
  ) => Promise<object>;
  /** What it can be told; anything else is an error. */
  takes: readonly (keyof BenchOptions)[];
  /** How many bots and seconds when left out. */
  bots: number;
  seconds: number;
  /** Of Opus, when left out. */
  complexity?: number;
}

const COMPLEXITY = 5;
const TIME = ["seconds", "minutes"] as const;
const PARTY = ["bots", ...TIME, "complexity"] as const;
const BOTS = ["bots", ...TIME] as const;

const BENCHES = {
  voice: { run: benchVoice, takes: [...PARTY, "speechShare"], bots: 50, seconds: 20 },
  voices: { run: benchVoices, takes: TIME, bots: 0, seconds: 20 },
  blocked: { run: benchBlocked, takes: PARTY, bots: 10, seconds: 20 },
  livekit: { run: benchLiveKit, takes: PARTY, bots: 12, seconds: 20, complexity: LIBWEBRTC_COMPLEXITY },
  restart: { run: benchRestart, takes: PARTY, bots: 10, seconds: 20 },
  "network-change": { run: benchNetworkChange, takes: ["changes", "rows"], bots: 1, seconds: 0 },
  receiver: { run: benchReceiver, takes: [...TIME, "rows"], bots: 1, seconds: 60 },
  quality: { run: benchQuality, takes: [...TIME, "rows", "report"], bots: 1, seconds: 60 },
  interruption: { run: benchInterruption, takes: ["bots"], bots: 4, seconds: 0 },
  mixer: { run: benchMixer, takes: BOTS, bots: 50, seconds: 10 },
  processing: { run: benchProcessing, takes: TIME, bots: 1, seconds: 10 },
  transform: { run: benchTransform, takes: BOTS, bots: 20, seconds: 30 },
  soak: { run: benchSoak, takes: [...TIME, "complexity"], bots: 1, seconds: 30 * 3600, complexity: 0 },
  connector: { run: benchConnector, takes: [...BOTS, "calls"], bots: 200, seconds: 180 },
  stage: { run: benchStage, takes: BOTS, bots: 200, seconds: 300 },
  transport: { run: benchTransport, takes: [...BOTS, "pairs"], bots: 50, seconds: 10 },
} satisfies Record<string, Bench>;

export const BENCH_NAMES = Object.keys(BENCHES) as (keyof typeof BENCHES)[];

/**
 * Runs one bench and prints its figures.
 *
 * @returns false when the bench's own figures say that it did not work (nothing was heard, or memory grew).
 * @throws TroupeError INVALID_OPTION for a name that is none, and for options that this bench does not have.
 */
export async function runBench(name: string, options: BenchOptions, signal: AbortSignal): Promise<boolean> {
  const bench: Bench | undefined = BENCHES[name as keyof typeof BENCHES];
  if (!bench) throw TroupeError.expected("INVALID_OPTION", "bench", `one of ${BENCH_NAMES.join(", ")}`, name);
  requireTaken(name, bench, options);
  const { calls = options.pairs ?? bench.bots, minutes = bench.seconds / 60 } = options;
  const { bots = calls, seconds = minutes * 60, complexity = bench.complexity ?? COMPLEXITY } = options;
  const figures = await bench.run({ ...options, bots, seconds, complexity }, signal);
  if (options.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else
    for (const [key, value] of Object.entries(figures))
      process.stdout.write(`${key.padEnd(24)} ${show(value)}\n`);
  if ("flat" in figures && !figures.flat) return false;
  return !("receivedShare" in figures) || Number(figures.receivedShare) > 0.5;
}

function requireTaken(name: string, { takes }: Bench, options: BenchOptions): void {
  const known = new Set<string>(["json", ...takes]);
  const unknown = Object.keys(options).find((option) => !known.has(option));
  if (!unknown) return;
  throw TroupeError.expected(
    "INVALID_OPTION",
    `bench ${name}`,
    [...known].map(flagOf).join(", "),
    flagOf(unknown),
  );
}

/** As it is written in the command. */
function flagOf(option: string): string {
  return `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function show(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
