import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../../core/index.ts";
import { Engine } from "../../native/index.ts";
import { OPUS } from "./opus.ts";

const SAMPLE_RATE = 48_000;
/** Sources that are cleared side by side, each so many times. */
const PAIRS = 10;
const ROUNDS = 5;
/** How long each plays before it is cleared: at any phase of tick and packet. */
const PLAYING_MS = 150;
const PHASE_MS = 40;
/** By then everything has long gone out. */
const SETTLE_MS = 150;

/**
 * How long after a source was cleared the last packet with any of it arrived, in ms, by the clock: pairs of peers
 * joined in this process, without hangover, so that no packet of silence follows.
 */
export async function measureClearing(): Promise<number[]> {
  const pairs = await Promise.all(Array.from({ length: PAIRS }, (_, index) => clearAgainAndAgain(index)));
  return pairs.flat();
}

async function clearAgainAndAgain(index: number): Promise<number[]> {
  const engine = Engine.shared();
  using near = engine.createPeer();
  using far = engine.createPeer();
  near.link(far);
  using source = engine.createSource({ sampleRate: SAMPLE_RATE, channels: 1, capacityMs: 2_000 });
  const codec = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 };
  const line = { kind: "audio", mid: "0", nack: false } as const;
  using _receiver = far.createReceiver({ ...line, ssrcs: [1], codecs: [codec] });
  using sender = near.createSender({ ...line, ssrc: 1, cname: "bench", codec, opus: OPUS, hangoverMs: 0 });
  sender.setProducer(source);
  const tone = Int16Array.from({ length: SAMPLE_RATE }, (_, at) => Math.round(10_000 * Math.sin(at / 30)));
  const delaysMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    source.write(tone);
    await pause(PLAYING_MS + (((index * ROUNDS + round) * 7.3) % PHASE_MS));
    const clearedUs = systemClock.nowUs();
    source.clear();
    await pause(SETTLE_MS);
    const [arrived] = far.stats().inbound;
    if (arrived) delaysMs.push(arrived.lastPacketReceivedTimestamp - clearedUs / 1000);
  }
  return delaysMs;
}
