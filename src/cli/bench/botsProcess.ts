import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { AudioSink, AudioSource, type Connection, connect } from "../../index.ts";
import { Engine } from "../../native/index.ts";
import { sora } from "../../transports/sora/index.ts";
import { serveBench } from "./childProcess.ts";
import { measureClearing } from "./clearing.ts";
import { writeClicks } from "./clicks.ts";
import { OPUS } from "./opus.ts";
import { synthesizeVoice } from "./voiceSignal.ts";

const SAMPLE_RATE = 48_000;
/** What a bot writes at a time; the source's backpressure paces it. */
const WRITE_MS = 200;
const JOINS_AT_ONCE = 4;
/** A bot that does not speak all the time speaks at the beginning of each turn of this length. */
const TURN_MS = 5_000;

interface Bot {
  connection: Connection;
  source: AudioSource;
  samplesHeard: number;
}

interface JoinRequest {
  signalingUrl: string;
  channels: string[];
  complexity: number;
  /** How much of the time each speaks, 0 to 1. */
  speechShare: number;
  /** Click writers have a quiet source of their own instead of a voice. */
  clicking: boolean;
}

const bots: Bot[] = [];
const clickers: Bot[] = [];
const ending = new AbortController();
let voice: Int16Array | undefined;

serveBench({
  async join(request: JoinRequest): Promise<number[]> {
    voice ??= synthesizeVoice(SAMPLE_RATE, 4);
    const joinMs: number[] = [];
    const waiting = [...request.channels];
    const joinNext = async () => {
      for (let channel = waiting.shift(); channel; channel = waiting.shift()) {
        const began = performance.now();
        const bot = await join(request, channel);
        joinMs.push(performance.now() - began);
        if (request.clicking) clickers.push(bot);
        else {
          bots.push(bot);
          speak(bot, bots.length, request.speechShare);
        }
      }
    };
    await Promise.all(Array.from({ length: JOINS_AT_ONCE }, joinNext));
    return joinMs;
  },
  /** What libopus takes by itself for one such voice, in percent of a core, on this machine in this minute. */
  async encoderAlone({ complexity }: { complexity: number }): Promise<number> {
    voice ??= synthesizeVoice(SAMPLE_RATE, 4);
    const before = process.threadCpuUsage();
    Engine.shared().encodeOpus(voice, { sampleRate: SAMPLE_RATE, ...OPUS, complexity });
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1e4 / (voice.length / SAMPLE_RATE);
  },
  async rss(): Promise<number> {
    globalThis.gc?.();
    return process.memoryUsage.rss();
  },
  /** Measures for `seconds`; blocks the event loop for `blockMs` of every 400 ms when that is given. */
  async measure({ seconds, blockMs = 0 }: { seconds: number; blockMs?: number }) {
    const loopDelay = monitorEventLoopDelay({ resolution: 1 });
    const stopClicks = new AbortController();
    const clicks = clickers.map((bot) => writeClicks(bot.source, SAMPLE_RATE, stopClicks.signal));
    const blocking = blockMs > 0 ? setInterval(() => blockFor(blockMs), 400) : undefined;
    const before = await snapshot();
    loopDelay.enable();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    loopDelay.disable();
    const after = await snapshot();
    clearInterval(blocking);
    stopClicks.abort();
    return {
      ...difference(before, after),
      clicksUs: await Promise.all(clicks),
      eventLoopDelayMs: { p99: loopDelay.percentile(99) / 1e6, maximum: loopDelay.max / 1e6 },
      engine: Engine.shared().stats(),
    };
  },
  /** How long each of some clears took to be over on the wire, in ms, while the bots go on. */
  clearing: measureClearing,
  async stop() {
    ending.abort();
    await Promise.allSettled([...bots, ...clickers].map((bot) => bot.connection.disconnect()));
    for (const bot of [...bots, ...clickers]) bot.source.close();
    Engine.stop();
  },
});

async function join(request: JoinRequest, channelId: string): Promise<Bot> {
  const source = new AudioSource({ sampleRate: SAMPLE_RATE, channels: 1, capacityMs: 2 * WRITE_MS });
  const connection = connect(sora({ signalingUrls: [request.signalingUrl], channelId, role: "sendrecv" }));
  const bot: Bot = { connection, source, samplesHeard: 0 };
  connection.on("track", (track) => {
    new AudioSink(track, { sampleRate: 16_000 }).on("frame", (frame) => {
      if (!frame.concealed) bot.samplesHeard += frame.samplesPerChannel;
    });
  });
  connection.publish(source, { ...OPUS, complexity: request.complexity });
  await connection.connected();
  return bot;
}

/**
 * Speaks until the process stops, a share of each turn; each bot begins elsewhere in the voice and in its turn. With
 * a share of 1 there is no pause.
 */
async function speak({ source }: Bot, number: number, share: number): Promise<void> {
  const length = (SAMPLE_RATE * WRITE_MS) / 1000;
  let at = (number * 7919 * 160) % voice!.length;
  let turnEndsMs = performance.now() + (share < 1 ? (number * 1_237) % TURN_MS : 0);
  while (!ending.signal.aborted && !source.closed) {
    if (share < 1) {
      await pause(Math.max(0, turnEndsMs - performance.now()));
      turnEndsMs += TURN_MS;
    }
    for (let spokenMs = 0; spokenMs < share * TURN_MS && !source.closed; spokenMs += WRITE_MS) {
      if (at + length > voice!.length) at = 0;
      await source.write(voice!.subarray(at, at + length)).catch(() => ending.abort());
      at += length;
    }
  }
}

type Snapshot = Awaited<ReturnType<typeof snapshot>>;

async function snapshot() {
  const engine = Engine.shared().stats();
  const packets = { received: 0, lost: 0, concealed: 0, samples: 0 };
  for (const { connection } of bots) {
    for (const entry of await connection.getStats()) {
      if (entry.type !== "inbound-rtp") continue;
      packets.received += Number(entry.packetsReceived);
      packets.lost += Number(entry.packetsLost);
      packets.concealed += Number(entry.concealedSamples);
      packets.samples += Number(entry.totalSamplesReceived);
    }
  }
  return {
    cpu: process.cpuUsage(),
    wallMs: performance.now(),
    codecMs: engine.codecThreadCpuMs,
    clockMs: engine.clockThreadCpuMs,
    skippedTicks: engine.skippedTicks,
    samplesHeard: bots.map((bot) => bot.samplesHeard),
    packets,
  };
}

function difference(before: Snapshot, after: Snapshot) {
  const wallMs = after.wallMs - before.wallMs;
  const cpuMs = (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1000;
  return {
    wallMs,
    cpuMs,
    codecMs: after.codecMs - before.codecMs,
    clockMs: after.clockMs - before.clockMs,
    skippedTicks: after.skippedTicks - before.skippedTicks,
    samplesHeard: after.samplesHeard.map((samples, index) => samples - (before.samplesHeard[index] ?? 0)),
    packets: {
      received: after.packets.received - before.packets.received,
      lost: after.packets.lost - before.packets.lost,
      concealed: after.packets.concealed - before.packets.concealed,
      samples: after.packets.samples - before.packets.samples,
    },
  };
}

function blockFor(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
