import { setTimeout as pause } from "node:timers/promises";
import { AudioSink, AudioSource, type Connection, connect, type RemoteTrack, TroupeError } from "../index.ts";
import { sora } from "../transports/sora/index.ts";
import { monotonicMs } from "./Timeline.ts";
import { within } from "./within.ts";

export interface MouthToEarOptions {
  signalingUrl: string;
  /** A channel of its own, best an empty one. */
  channelId: string;
  metadata?: unknown;
  /** 12 when left out. */
  clicks?: number;
  signal?: AbortSignal;
}

const SAMPLE_RATE = 48_000;
/** 2 ms of full scale at the head of a 20 ms frame. */
const CLICK_MS = 2;
const FRAME_MS = 20;
const LOUD = 6_000;
/** Apart far enough that each finds an empty queue, and by uneven waits, to meet every phase of the ticks. */
const EVERY_MS = 330;
const UNEVEN_MS = 7;
const HEARD_WITHIN_MS = 1_000;
const JOIN_MS = 15_000;

/**
 * Sends clicks through a channel and gives each one's way in ms: from the write into a source whose queue is
 * empty to the sink's callback that holds it. A click that is lost is left out.
 *
 * @throws TroupeError TIMEOUT when the two parties do not find each other.
 */
export async function measureMouthToEar(options: MouthToEarOptions): Promise<number[]> {
  const { signalingUrl, channelId, metadata, clicks = 12, signal } = options;
  const common = { signalingUrls: [signalingUrl], channelId, metadata };
  const source = new AudioSource({ sampleRate: SAMPLE_RATE });
  const ear = connect(sora({ ...common, role: "recvonly" }));
  const mouth = connect(sora({ ...common, role: "sendonly", audioSource: source }));
  try {
    const [track] = await within("the probe's join", JOIN_MS, signal, () =>
      Promise.all([nextTrack(ear), ear.connected(), mouth.connected()]),
    );
    using sink = new AudioSink(track, { sampleRate: SAMPLE_RATE });
    // The first one opens the path: receivers, jitter buffer, codecs.
    await sendClick(source, sink, signal);
    const delays: number[] = [];
    for (let click = 0; click < clicks; click++) {
      await pause(EVERY_MS + UNEVEN_MS * click, undefined, { signal });
      const delay = await sendClick(source, sink, signal);
      if (delay !== undefined) delays.push(delay);
    }
    return delays;
  } finally {
    await Promise.all([ear.disconnect(), mouth.disconnect()]);
    source.close();
  }
}

/** The first audio track that somebody else sends. */
export function nextTrack(connection: Connection): Promise<RemoteTrack> {
  const present = connection.tracks.find((track) => track.kind === "audio");
  if (present) return Promise.resolve(present);
  return new Promise((resolve, reject) => {
    connection.on("track", (track) => track.kind === "audio" && resolve(track));
    connection.once("disconnected", (_, reason) =>
      reject(new TroupeError("CLOSED", reason || "disconnected")),
    );
  });
}

async function sendClick(
  source: AudioSource,
  sink: AudioSink,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const click = new Int16Array((SAMPLE_RATE * FRAME_MS) / 1000);
  for (let at = 0; at < (SAMPLE_RATE * CLICK_MS) / 1000; at++)
    click[at] = Math.floor(at / 12) % 2 === 0 ? 28_000 : -28_000;
  const heard = Promise.withResolvers<number>();
  const off = sink.on("frame", (frame) => {
    if (frame.pcm.some((sample) => Math.abs(sample) > LOUD)) heard.resolve(monotonicMs());
  });
  const writtenMs = monotonicMs();
  source.tryWrite(click);
  try {
    return (await within("a click", HEARD_WITHIN_MS, signal, () => heard.promise)) - writtenMs;
  } catch (error) {
    if (signal?.aborted) throw error;
    return undefined;
  } finally {
    off();
  }
}
