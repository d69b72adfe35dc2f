import { Engine } from "../../src/native/index.ts";
import { MachineStalls } from "../chaos/MachineStalls.ts";
import { HeldOverTime } from "./Resources.ts";
import { SoakPair } from "./SoakPair.ts";
import { Tone } from "./Tone.ts";

const PULSE_MS = 100;
const RESTART_EVERY_MS = 5_000;
const READINGS = 60;
const GROWTH_LIMIT_MIB = 12;
/** Where the machine itself stood still for so long, a path that was lost meanwhile is no failure. */
const EXCUSING_STALL_MS = 5_000;

/**
 * Pairs that talk for so long: audio both ways, ten messages a second each way, and every five seconds one of them
 * restarts ICE.
 */
export async function soakPairs({ count, minutes }: { count: number; minutes: number }): Promise<object> {
  const tone = new Tone();
  const pairs: SoakPair[] = [];
  const held = new HeldOverTime();
  const stalls = new MachineStalls();
  let iceRestarts = 0;
  try {
    while (pairs.length < count) pairs.push(await SoakPair.connect(tone.source));
    const beganMs = performance.now();
    let readingMs = beganMs;
    let restartMs = beganMs;
    while (performance.now() - beganMs < minutes * 60_000) {
      for (const pair of pairs) pair.pulse();
      if (performance.now() >= readingMs) {
        held.read();
        readingMs += (minutes * 60_000) / READINGS;
      }
      if (performance.now() >= restartMs) {
        pairs[iceRestarts % pairs.length]?.restartIce();
        iceRestarts += 1;
        restartMs += RESTART_EVERY_MS;
      }
      await new Promise((resolve) => setTimeout(resolve, PULSE_MS));
    }
    held.read();
    await Promise.all(pairs.map((pair) => pair.drain()));
    const counts = pairs.map((pair) => pair.counts());
    const troubles = counts.flatMap(({ failures }) => failures);
    const longestStallMs = Math.max(0, ...stalls.all.map(({ fromMs, toMs }) => toMs - fromMs));
    const sum = (key: "packets" | "packetsLost" | "messages" | "messagesLost") =>
      counts.reduce((total, one) => total + one[key], 0);
    return {
      pairs: count,
      minutes,
      iceRestarts,
      packets: sum("packets"),
      packetsLost: sum("packetsLost"),
      messages: sum("messages"),
      messagesLost: sum("messagesLost"),
      longestStallMs: Math.round(longestStallMs),
      troubles,
      skippedTicks: Engine.shared().stats().skippedTicks,
      settled: held.settled,
      last: held.last,
      failures: [
        ...(longestStallMs < EXCUSING_STALL_MS ? troubles : []),
        ...(counts.some(({ packets }) => packets === 0) ? ["a pair heard nothing"] : []),
        ...(sum("packetsLost") > 0 ? ["packets were lost"] : []),
        ...(sum("messagesLost") > 0 ? ["messages were lost"] : []),
        ...held.growth(GROWTH_LIMIT_MIB),
      ],
    };
  } finally {
    stalls.close();
    for (const pair of pairs) pair.close();
    tone.close();
    Engine.stop();
  }
}
