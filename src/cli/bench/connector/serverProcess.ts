import { createHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { AudioSink, AudioSource } from "../../../index.ts";
import { CallSocket } from "../../../transports/audio-connector/CallSocket.ts";
import {
  type AudioConnectorConnection,
  AudioConnectorServer,
} from "../../../transports/audio-connector/index.ts";
import { serveBench } from "../childProcess.ts";
import { microseconds, rounded, roundedAll } from "../figures.ts";
import { synthesizeVoice } from "../voiceSignal.ts";
import type { ServerMeasurement } from "./connector.ts";

const SAMPLE_RATE = 16_000;
/** What a bot writes at a time; the source's backpressure paces it. */
const WRITE_MS = 200;
const FRAME_MS = 20;
const VOICE_SECONDS = 4;
const RESIDENT_READINGS = 7;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const calls: AudioConnectorConnection[] = [];
const voice = synthesizeVoice(SAMPLE_RATE, VOICE_SECONDS);
let samplesHeard = 0;
/** Microseconds. */
const jitter = createHistogram();

watchSending();

serveBench({
  async start({ calls: connections }: { calls: number }): Promise<string> {
    const server = await AudioConnectorServer.start({
      limits: { connections: connections + 1 },
      onConnect: (call) => {
        calls.push(call);
        answer(call);
      },
    });
    return server.address;
  },
  async measure({ seconds }: { seconds: number }): Promise<ServerMeasurement> {
    const loopDelay = monitorEventLoopDelay({ resolution: 5 });
    jitter.reset();
    const before = snapshot();
    loopDelay.enable();
    const rssBytes = await readResident(seconds);
    loopDelay.disable();
    const after = snapshot();
    return {
      wallMs: after.atMs - before.atMs,
      cpuMs: after.cpuMs - before.cpuMs,
      jsCpuMs: after.jsCpuMs - before.jsCpuMs,
      liveBytesBefore: before.liveBytes,
      liveBytesAfter: after.liveBytes,
      rssBytes,
      sentJitterMs: roundedAll({
        p50: jitter.percentile(50) / 1_000,
        p99: jitter.percentile(99) / 1_000,
        maximum: jitter.max / 1_000,
      }),
      framesSent: after.framesSent - before.framesSent,
      starts: after.starts - before.starts,
      samplesHeard: after.samplesHeard - before.samplesHeard,
      eventLoopDelayMs: {
        p99: rounded(loopDelay.percentile(99) / 1e6),
        maximum: rounded(loopDelay.max / 1e6),
      },
    };
  },
});

function answer(call: AudioConnectorConnection): void {
  const source = new AudioSource({ sampleRate: SAMPLE_RATE, capacityMs: 1_000 });
  call.publish(source);
  call.on("track", (track) => {
    const sink = new AudioSink(track, { sampleRate: SAMPLE_RATE, frameMs: FRAME_MS });
    sink.on("frame", ({ samplesPerChannel }) => {
      samplesHeard += samplesPerChannel;
    });
  });
  speak(source, calls.length).catch(() => {}); // ends with the call's source
}

async function speak(source: AudioSource, offset: number): Promise<void> {
  const piece = (SAMPLE_RATE * WRITE_MS) / 1_000;
  for (let at = (offset * 997) % (voice.length - piece); ; at = (at + piece) % (voice.length - piece))
    await source.write(voice.subarray(at, at + piece));
}

/** Notes at each frame that is sent how far from 20 ms the one before it was. */
function watchSending(): void {
  const lastMs = new WeakMap<CallSocket, number>();
  const { sendBinary } = CallSocket.prototype;
  CallSocket.prototype.sendBinary = function (this: CallSocket, data) {
    const nowMs = performance.now();
    const before = lastMs.get(this);
    if (before !== undefined) jitter.record(microseconds(nowMs - before - FRAME_MS));
    lastMs.set(this, nowMs);
    return sendBinary.call(this, data);
  };
}

/** The process's memory at even distances from the beginning to the end of the measurement. */
async function readResident(seconds: number): Promise<number[]> {
  const readings = [process.memoryUsage.rss()];
  while (readings.length < RESIDENT_READINGS) {
    await pause((seconds * 1_000) / (RESIDENT_READINGS - 1));
    readings.push(process.memoryUsage.rss());
  }
  return readings;
}

function snapshot() {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const thread = process.threadCpuUsage();
  const sent = calls.map(
    (call) => call.getStats()[0]?.sent as { framesSent: number; starts: number } | undefined,
  );
  return {
    atMs: performance.now(),
    cpuMs: (user + system) / 1_000,
    jsCpuMs: (thread.user + thread.system) / 1_000,
    liveBytes: heapUsed + external,
    framesSent: sent.reduce((sum, counts) => sum + (counts?.framesSent ?? 0), 0),
    starts: sent.reduce((sum, counts) => sum + (counts?.starts ?? 0), 0),
    samplesHeard,
  };
}
