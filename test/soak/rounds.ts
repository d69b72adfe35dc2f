import { Engine, loadBinding } from "../../src/native/index.ts";
import { HeldOverTime } from "./Resources.ts";
import { SoakPair } from "./SoakPair.ts";
import { Tone } from "./Tone.ts";

/** So many at a time: the machine is busy while each of them waits for ICE's timers. */
const AT_A_TIME = 8;
const READINGS = 40;
const GROWTH_LIMIT_MIB = 12;

/** Pairs that connect, exchange a message and audio, and close, one after another. */
export async function openAndClose({ rounds }: { rounds: number }): Promise<object> {
  const tone = new Tone();
  const held = new HeldOverTime();
  const failures: string[] = [];
  const beganMs = performance.now();
  let done = 0;
  try {
    while (done < rounds) {
      const batch = Math.min(AT_A_TIME, rounds - done);
      await Promise.all(Array.from({ length: batch }, () => oneRound(tone)));
      if (Math.floor(done / (rounds / READINGS)) !== Math.floor((done + batch) / (rounds / READINGS)))
        held.read();
      done += batch;
    }
    const { transports, threads } = loadBinding().transportHandles();
    if (transports + threads > 0)
      failures.push(`${transports} transports and ${threads} I/O threads are left`);
    return {
      rounds: done,
      seconds: Math.round((performance.now() - beganMs) / 1000),
      settled: held.settled,
      last: held.last,
      failures: [...failures, ...held.growth(GROWTH_LIMIT_MIB)],
    };
  } finally {
    tone.close();
    Engine.stop();
  }
}

async function oneRound(tone: Tone): Promise<void> {
  const pair = await SoakPair.connect(tone.source);
  try {
    pair.pulse();
    await pair.drain();
    const { messages, messagesLost } = pair.counts();
    if (messages !== 2 || messagesLost !== 0) throw new Error(`${messages} of 2 messages came`);
  } finally {
    pair.close();
  }
}
