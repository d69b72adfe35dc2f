import { Engine } from "../../src/native/index.ts";
import { HeldOverTime } from "./Resources.ts";
import { SoakPair } from "./SoakPair.ts";
import { Tone } from "./Tone.ts";

const PULSE_MS = 100;
const RESTART_EVERY_MS = 5_000;
const READINGS = 60;
const GROWTH_LIMIT_MIB = 12;

/**
 * Pairs that talk for so long: audio both ways, ten messages a second each way, and every five seconds one of them
 * restarts ICE.
 */
export async function soakPairs({ count, minutes }: { count: number; minutes: number }): Promise<object> {
  const tone = new Tone();
  const pairs: SoakPair[] = [];
  const held = new HeldOverTime();
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
      skippedTicks: Engine.shared().stats().skippedTicks,
      settled: held.settled,
      last: held.last,
      failures: [
        ...counts.flatMap(({ failures }) => failures),
        ...counts
          .filter(({ packets }) => packets < minutes * 60 * 2 * 40)
          .map(() => "a pair got too little audio"),
        ...(sum("packetsLost") > 0 ? ["packets were lost"] : []),
        ...(sum("messagesLost") > 0 ? ["messages were lost"] : []),
        ...held.growth(GROWTH_LIMIT_MIB),
      ],
    };
  } finally {
    for (const pair of pairs) pair.close();
    tone.close();
    Engine.stop();
  }
}
