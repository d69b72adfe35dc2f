import { setTimeout as pause } from "node:timers/promises";
import { ControlTimer } from "./ControlTimer.ts";
import { receivedShare, rounded, roundedAll } from "./figures.ts";
import { BenchParty, environment } from "./party.ts";

/** JavaScript is blocked for this long out of every 400 ms. */
const BLOCK_MS = 200;
const SETTLE_MS = 2_000;

export interface BlockedFigures {
  bots: number;
  seconds: number;
  blockedShare: number;
  /** Longest time between two packets of one bot as its counterpart received them. */
  longestGapMs: number;
  /** Longest time between two 20 ms beats of a timer in a thread of its own: the machine's own stalls. */
  controlLongestGapMs: number;
  receivedShare: number;
  packetsLost: number;
  eventLoopDelayMs: { p99: number; maximum: number };
  environment: Record<string, string | number>;
}

/** Bots whose event loop is blocked half of the time: what the far side notices of it. */
export async function benchBlocked(
  options: { bots: number; seconds: number; complexity: number },
  signal: AbortSignal,
): Promise<BlockedFigures> {
  const party = new BenchParty();
  signal.addEventListener("abort", () => party.kill(), { once: true });
  const control = new ControlTimer();
  try {
    await party.open();
    const channels = Array.from({ length: options.bots }, (_, index) => `blocked-${index}`);
    await party.join(channels, { complexity: options.complexity });
    await pause(SETTLE_MS);
    await party.counterparts.request("longestGapsMs");
    await control.take();
    const measured = await party.measure(options.seconds, BLOCK_MS);
    const controlLongestGapMs = await control.take();
    const gaps = await party.counterparts.request<number[]>("longestGapsMs");
    const { packets } = measured;
    const heardSamples = measured.samplesHeard.reduce((sum, samples) => sum + samples, 0);
    return {
      bots: options.bots,
      seconds: options.seconds,
      blockedShare: BLOCK_MS / 400,
      longestGapMs: rounded(Math.max(...gaps)),
      controlLongestGapMs: rounded(controlLongestGapMs),
      receivedShare: rounded(receivedShare(packets, heardSamples, 16_000), 5),
      packetsLost: packets.lost,
      eventLoopDelayMs: roundedAll(measured.eventLoopDelayMs),
      environment: environment(),
    };
  } finally {
    control.close();
    await party.close();
  }
}
