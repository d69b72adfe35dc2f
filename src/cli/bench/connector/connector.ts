import { setTimeout as pause } from "node:timers/promises";
import { BenchChild } from "../childProcess.ts";
import { rounded } from "../figures.ts";
import { environment } from "../party.ts";

/** Time for buffers, page faults and the optimiser to settle before anything is counted. */
const SETTLE_MS = 3_000;
/** As docs/transports/audio-connector.md recommends for many calls. */
const SERVER_OPTIONS = ["--max-semi-space-size=16"];

/** What the server's process measured. */
export interface ServerMeasurement {
  wallMs: number;
  cpuMs: number;
  jsCpuMs: number;
  /** JavaScript's memory right after its garbage was collected. */
  liveBytesBefore: number;
  liveBytesAfter: number;
  /** The process's memory from the beginning to the end, at even distances. */
  rssBytes: number[];
  /** How far from 20 ms apart frames were sent, in ms. */
  sentJitterMs: { p50: number; p99: number; maximum: number };
  framesSent: number;
  samplesHeard: number;
  /** Beginnings during the measurement: each is a time that the far side ran dry by our clock. */
  starts: number;
  eventLoopDelayMs: { p99: number; maximum: number };
}

/** What the callers' process saw. */
export interface CallersMeasurement {
  framesReceived: number;
  underruns: number;
  overruns: number;
  arrivalJitterMs: { p50: number; p99: number };
  cpuMs: number;
}

/** Calls on one server process, each with a voice both ways at 16 kHz; who calls is in another process. */
export async function benchConnector(options: { bots: number; seconds: number }, signal: AbortSignal) {
  const server = new BenchChild("connector/serverProcess", [], SERVER_OPTIONS);
  const callers = new BenchChild("connector/callersProcess");
  const stop = () => {
    server.close();
    callers.close();
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    const url = await server.request<string>("start", { calls: options.bots });
    await callers.request("call", { url, calls: options.bots });
    await pause(SETTLE_MS);
    const withinMs = options.seconds * 1_000;
    const [served, seen] = await Promise.all([
      server.request<ServerMeasurement>("measure", { seconds: options.seconds }, withinMs),
      callers.request<CallersMeasurement>("measure", { seconds: options.seconds }, withinMs),
    ]);
    return summarize(options, served, seen);
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

function summarize(
  { bots, seconds }: { bots: number; seconds: number },
  served: ServerMeasurement,
  seen: CallersMeasurement,
) {
  const expected = bots * seconds * 50;
  return {
    calls: bots,
    seconds,
    cpuPercentPerCall: rounded((100 * served.cpuMs) / served.wallMs / bots, 3),
    mainThreadPercentPerCall: rounded((100 * served.jsCpuMs) / served.wallMs / bots, 3),
    sentJitterMs: served.sentJitterMs,
    arrivalJitterMs: seen.arrivalJitterMs,
    sentShare: rounded(served.framesSent / expected, 4),
    receivedShare: rounded(Math.min(1, served.samplesHeard / (bots * seconds * 16_000)), 4),
    underruns: seen.underruns,
    overruns: seen.overruns,
    ranDry: served.starts,
    liveMegabytes: megabytes(served.liveBytesBefore, served.liveBytesAfter),
    rssMegabytes: megabytes(...served.rssBytes),
    rssBytesPerCall: Math.round((served.rssBytes.at(-1) ?? 0) / bots),
    eventLoopDelayMs: served.eventLoopDelayMs,
    callersCpuPercent: rounded((100 * seen.cpuMs) / served.wallMs),
    environment: environment(),
  };
}

function megabytes(...bytes: number[]): number[] {
  return bytes.map((each) => rounded(each / 2 ** 20, 1));
}
