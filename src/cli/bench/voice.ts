import { setTimeout as pause } from "node:timers/promises";
import { clickDelaysMs } from "./clicks.ts";
import { percentile, receivedShare, rounded, roundedAll } from "./figures.ts";
import { BenchParty, environment, type Measurement } from "./party.ts";

/** Extra connections that write clicks into quiet sources: they join when the bots' cost has been measured. */
const CLICKERS = 2;
/** Some fifteen clicks of each. */
const MINIMUM_CLICK_SECONDS = 10;
/** Time for jitter buffers, page faults and the optimiser to settle before anything is counted. */
const SETTLE_MS = 3_000;

export interface VoiceFigures {
  bots: number;
  seconds: number;
  complexity: number;
  /** How much of the time each bot speaks, 0 to 1. */
  speechShare: number;
  cpuPercentPerBot: number;
  rssBytesPerBot: number;
  receivedShare: number;
  mouthToEarMs: { p50: number; p95: number; clicks: number };
  joinMs: { p50: number; p95: number };
  clockLateMs: { p99: number };
  /** CPU of the codec threads a bot, and what encoding the same voice takes by itself in the same minute. */
  codecThreadPercent: number;
  encoderAlonePercent: number;
  clockThreadPercent: number;
  /** Everything but the codec threads, a bot. */
  otherThreadsPercent: number;
  /** From clearing a source to the last packet with any of it; see clearing.ts. */
  clearToSilenceMs: { p50: number; p95: number; maximum: number };
  /** Ticks of 10 ms that were left out during the measurement: more than a few mean that the machine had no time left. */
  skippedTicks: number;
  eventLoopDelayMs: { p99: number; maximum: number };
  stageCpuPercent: number;
  counterpartsCpuPercent: number;
  environment: Record<string, string | number>;
}

/** Bots in one process that each speak and hear one voice, through a stage in another process. */
export async function benchVoice(
  options: { bots: number; seconds: number; complexity: number; speechShare?: number },
  signal: AbortSignal,
): Promise<VoiceFigures> {
  const party = new BenchParty();
  signal.addEventListener("abort", () => party.kill(), { once: true });
  try {
    await party.open();
    const channels = Array.from({ length: options.bots }, (_, index) => `bench-${index}`);
    const few = Math.max(1, Math.floor(options.bots / 5));
    const { complexity, speechShare = 1 } = options;
    const joinMs = await party.join(channels.slice(0, few), { complexity, speechShare });
    await pause(SETTLE_MS);
    const rssFew = await party.bots.request<number>("rss");
    joinMs.push(...(await party.join(channels.slice(few), { complexity, speechShare })));
    await pause(SETTLE_MS);
    const rssAll = await party.bots.request<number>("rss");
    const alone = [await party.bots.request<number>("encoderAlone", { complexity: options.complexity })];
    const others = [party.stage, party.counterparts];
    const cpuBefore = await Promise.all(others.map((child) => child.request<NodeJS.CpuUsage>("cpu")));
    const measured = await party.measure(options.seconds);
    const cpuAfter = await Promise.all(others.map((child) => child.request<NodeJS.CpuUsage>("cpu")));
    alone.push(await party.bots.request<number>("encoderAlone", { complexity: options.complexity }));
    await party.join(["clicks-0", "clicks-1"].slice(0, CLICKERS), { complexity, clicking: true });
    const clicked = await party.measure(Math.max(MINIMUM_CLICK_SECONDS, options.seconds / 2));
    const clearingMs = await party.bots.request<number[]>("clearing");
    const heard = await party.counterparts.request<number[][]>("heardClicks");
    const [stageCpu, counterpartsCpu] = cpuAfter.map(
      (cpu, index) => (cpu.user + cpu.system - cpuBefore[index]!.user - cpuBefore[index]!.system) / 1000,
    );
    return {
      ...summarize(measured, options, joinMs, clickDelaysOf(clicked, heard)),
      encoderAlonePercent: rounded((alone[0]! + alone[1]!) / 2, 3),
      clearToSilenceMs: {
        p50: rounded(percentile(clearingMs, 0.5)),
        p95: rounded(percentile(clearingMs, 0.95)),
        maximum: rounded(Math.max(...clearingMs)),
      },
      rssBytesPerBot: Math.round((rssAll - rssFew) / Math.max(1, options.bots - few)),
      stageCpuPercent: rounded((100 * stageCpu!) / measured.wallMs),
      counterpartsCpuPercent: rounded((100 * counterpartsCpu!) / measured.wallMs),
      environment: environment(),
    };
  } finally {
    await party.close();
  }
}

function clickDelaysOf(measured: Measurement, heard: number[][]): number[] {
  return measured.clicksUs.flatMap((written, index) => clickDelaysMs(written, heard[index] ?? []));
}

function summarize(
  measured: Measurement,
  options: { bots: number; seconds: number; complexity: number; speechShare?: number },
  joinMs: number[],
  delaysMs: number[],
): Omit<
  VoiceFigures,
  | "rssBytesPerBot"
  | "encoderAlonePercent"
  | "clearToSilenceMs"
  | "stageCpuPercent"
  | "counterpartsCpuPercent"
  | "environment"
> {
  const heardSamples = measured.samplesHeard.reduce((sum, samples) => sum + samples, 0);
  return {
    bots: options.bots,
    seconds: options.seconds,
    complexity: options.complexity,
    speechShare: options.speechShare ?? 1,
    cpuPercentPerBot: rounded((100 * measured.cpuMs) / measured.wallMs / options.bots, 3),
    receivedShare: rounded(receivedShare(measured.packets, heardSamples, 16_000), 5),
    mouthToEarMs: {
      p50: rounded(percentile(delaysMs, 0.5)),
      p95: rounded(percentile(delaysMs, 0.95)),
      clicks: delaysMs.length,
    },
    joinMs: { p50: rounded(percentile(joinMs, 0.5)), p95: rounded(percentile(joinMs, 0.95)) },
    clockLateMs: { p99: rounded(measured.engine.clockLateMs.p99, 3) },
    codecThreadPercent: rounded((100 * measured.codecMs) / measured.wallMs / options.bots, 3),
    clockThreadPercent: rounded((100 * measured.clockMs) / measured.wallMs / options.bots, 3),
    otherThreadsPercent: rounded(
      (100 * (measured.cpuMs - measured.codecMs)) / measured.wallMs / options.bots,
      3,
    ),
    skippedTicks: measured.skippedTicks,
    eventLoopDelayMs: roundedAll(measured.eventLoopDelayMs),
  };
}
