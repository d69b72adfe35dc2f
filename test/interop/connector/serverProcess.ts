// Our server under the same orders as server.py: node serverProcess.ts PORT
import { AudioSink, AudioSource } from "troupe";
import {
  type AudioConnectorConnection,
  AudioConnectorServer,
  type SendAudioOptions,
} from "troupe/audio-connector";
import { generateTone } from "troupe/testing";

interface Order {
  order: string;
  name: string;
  hz: number;
  rate: number;
  seconds: number;
  options?: {
    bytes_per_sample?: number;
    frames_ms?: 10 | 20;
    pad_last_frame?: boolean;
    flush_buffer?: boolean;
  };
}

interface Heard {
  audio: Buffer;
  texts: string[];
  /** As a row called the call. */
  name: string;
}

const HEARD_BYTES = 32_000;
const LIVE_PIECE_MS = 200;
/** By the names that calls were given: resolved once such a call is over. */
const ends = new Map<string, PromiseWithResolvers<void>>();

const server = await AudioConnectorServer.start({
  port: Number(process.argv[2]),
  // The rows are about the protocol and the far clock's drift: both delays are more than a busy machine keeps a frame back.
  call: { clear: "event", leadMs: 1_000, receiveDelayMs: 400 },
  onConnect: (call) => {
    const heard: Heard = { audio: Buffer.alloc(0), texts: [], name: "" };
    call.on("track", (track) => {
      const sink = new AudioSink(track, { sampleRate: 16_000, frameMs: 20 });
      sink.on("frame", ({ pcm }) => {
        const bytes = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
        heard.audio = Buffer.concat([heard.audio, bytes]).subarray(-HEARD_BYTES);
      });
    });
    call.on("dtmf", (digit) => heard.texts.push(digit));
    call.on("mediaUpdate", (active) => heard.texts.push(`update ${active}`));
    call.on("cleared", () => heard.texts.push("cleared"));
    call.on("notify", (payload) => heard.texts.push(`notify ${(payload as { mark: number }).mark}`));
    call.on("disconnected", () => endOf(heard.name).resolve());
    call.setHandler({ onMessage: (text) => void obey(call, JSON.parse(text) as Order, heard) });
  },
});
process.stdout.write(`${JSON.stringify({ address: server.address })}\n`);

function endOf(name: string): PromiseWithResolvers<void> {
  const end = ends.get(name) ?? Promise.withResolvers<void>();
  ends.set(name, end);
  return end;
}

async function obey(call: AudioConnectorConnection, order: Order, heard: Heard): Promise<void> {
  switch (order.order) {
    case "info":
      return await call.sendJson({ reply: "info", info: call.info() });
    case "heard":
      return await call.sendJson({ reply: "heard", pcm: heard.audio.toString("hex"), texts: heard.texts });
    case "tone":
      return void (await call.sendAudio(toneOf(order), optionsOf(order)));
    case "live":
      return await playLive(call, order);
    case "timing":
      return call.setBufferTiming({ activeSeconds: order.seconds });
    case "flush":
      return call.flush();
    case "broken":
      return await call.sendJson("{ no json").catch(() => call.sendJson({ reply: "refused" }));
    case "name":
      heard.name = order.name;
      return await call.sendJson({ reply: "named" });
    case "awaitEnd":
      await endOf(order.name).promise;
      return await call.sendJson({ reply: "ended" });
    case "disconnect":
      return await call.disconnect();
  }
}

/** One second of it again and again, since whole periods fit in: making a minute would block the other calls. */
function toneOf({ hz, rate, seconds }: Order): Int16Array {
  const second = generateTone({ frequency: hz, sampleRate: rate, durationMs: 1_000 });
  const pcm = new Int16Array(rate * seconds);
  for (let at = 0; at < pcm.length; at += rate) pcm.set(second.subarray(0, pcm.length - at), at);
  return pcm;
}

function optionsOf({ options = {} }: Order): SendAudioOptions {
  return {
    bytesPerSample: options.bytes_per_sample,
    framesMs: options.frames_ms,
    padLastFrame: options.pad_last_frame,
    flushBuffer: options.flush_buffer,
  } as SendAudioOptions;
}

/** A source that is written to as it plays: what an agent does. */
async function playLive(call: AudioConnectorConnection, order: Order): Promise<void> {
  const source = new AudioSource({ sampleRate: 48_000, capacityMs: 1_000 });
  call.publish(source);
  const piece = toneOf({ ...order, rate: 48_000, seconds: LIVE_PIECE_MS / 1_000 });
  for (let ms = 0; ms < order.seconds * 1_000; ms += LIVE_PIECE_MS) await source.write(piece);
  await source.waitForPlayout();
  source.close();
}
