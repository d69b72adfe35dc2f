import { setTimeout as pause } from "node:timers/promises";
import { AudioSink, AudioSource, connect } from "../../../index.ts";
import {
  align,
  monotonicMs,
  NetworkLink,
  nextTrack,
  SignallingProxy,
  soraThrough,
} from "../../../testing/index.ts";
import { coin } from "../../../testing/network/coin.ts";
import { sora } from "../../../transports/sora/index.ts";

const SAMPLE_RATE = 16_000;
const SAMPLES_A_MS = SAMPLE_RATE / 1000;
const PACKET_MS = 20;
/** What is queued, and after how long it is cleared: not at any fixed phase of the packets. */
const QUEUED_MS = 2_000;
const CLEAR_AFTER_MS = 700;
const UNEVEN_MS = 7;
/** Until what was sent has been heard, and the source is idle again. */
const SETTLE_MS = 800;
const AMPLITUDE = 8_000;
const LOUD = 1_500;
/** A codec blurs the end of a sound by less than this. */
const BLUR_MS = 5;
const MAXIMUM_DELAY_MS = 600;

/**
 * How long after `clear()` the last packet with sound leaves, in ms, `times` over: below 0 when the packet that was
 * due next was silent already. A link next to the sender notes when its first packet passed; packets follow each other
 * by 20 ms, and what the far side heard says which one was the last with sound.
 */
export async function measureClear(
  signalingUrl: string,
  channelId: string,
  times: number,
): Promise<number[]> {
  await using link = await NetworkLink.open();
  await using proxy = await SignallingProxy.before(signalingUrl, soraThrough(link));
  const common = { channelId, reconnect: false };
  const source = new AudioSource({ sampleRate: SAMPLE_RATE, capacityMs: QUEUED_MS });
  const ear = connect(sora({ ...common, signalingUrls: [signalingUrl], role: "recvonly" }));
  const mouth = connect(
    sora({ ...common, signalingUrls: [proxy.through(signalingUrl)], role: "sendonly", audioSource: source }),
  );
  try {
    const [track] = await Promise.all([nextTrack(ear), ear.connected(), mouth.connected()]);
    using sink = new AudioSink(track, { sampleRate: SAMPLE_RATE });
    const heard: Int16Array[] = [];
    sink.on("frame", ({ pcm }) => heard.push(pcm.slice()));
    const noise = Int16Array.from(
      { length: QUEUED_MS * SAMPLES_A_MS },
      (_, at) => (coin(at) - 0.5) * 2 * AMPLITUDE,
    );
    const delays: number[] = [];
    for (let time = 0; time <= times; time++) {
      await link.impair({});
      heard.length = 0;
      source.tryWrite(noise);
      await pause(CLEAR_AFTER_MS + UNEVEN_MS * time);
      const clearedMs = monotonicMs();
      source.clear();
      await pause(SETTLE_MS);
      const { firstRtpMs } = await link.stats();
      const lastPacket = Math.ceil((soundingMs(noise, joined(heard)) - BLUR_MS) / PACKET_MS) - 1;
      // The first round opens the path.
      if (time > 0) delays.push(firstRtpMs.toServer + lastPacket * PACKET_MS - clearedMs);
    }
    return delays;
  } finally {
    await Promise.all([ear.disconnect(), mouth.disconnect()]);
    source.close();
  }
}

/** How much of the noise came, in ms. */
function soundingMs(noise: Int16Array, heard: Int16Array): number {
  const beginning = noise.subarray(0, (CLEAR_AFTER_MS / 2) * SAMPLES_A_MS);
  const { delay } = align(beginning, heard, { minimum: 0, maximum: MAXIMUM_DELAY_MS * SAMPLES_A_MS });
  return (heard.findLastIndex((sample) => Math.abs(sample) > LOUD) - delay) / SAMPLES_A_MS;
}

function joined(pieces: readonly Int16Array[]): Int16Array {
  const all = new Int16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
