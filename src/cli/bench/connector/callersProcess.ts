import { createHistogram } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { AudioConnectorCaller } from "../../../stage/index.ts";
import { serveBench } from "../childProcess.ts";
import { microseconds, roundedAll } from "../figures.ts";
import { synthesizeVoice } from "../voiceSignal.ts";
import type { CallersMeasurement } from "./connector.ts";

const SAMPLE_RATE = 16_000;
const VOICE_SECONDS = 4;
const FRAME_MS = 20;
const DIALS_AT_ONCE = 10;

const callers: AudioConnectorCaller[] = [];
/** Microseconds. */
const jitter = createHistogram();

serveBench({
  async call({ url, calls }: { url: string; calls: number }): Promise<void> {
    const voice = synthesizeVoice(SAMPLE_RATE, VOICE_SECONDS);
    for (let at = 0; at < calls; at += DIALS_AT_ONCE) {
      const count = Math.min(DIALS_AT_ONCE, calls - at);
      await Promise.all(Array.from({ length: count }, () => begin(url, voice)));
    }
  },
  async measure({ seconds }: { seconds: number }): Promise<CallersMeasurement> {
    jitter.reset();
    const before = snapshot();
    await pause(seconds * 1_000);
    const after = snapshot();
    return {
      framesReceived: after.framesReceived - before.framesReceived,
      underruns: after.underruns - before.underruns,
      overruns: after.overruns - before.overruns,
      cpuMs: after.cpuMs - before.cpuMs,
      arrivalJitterMs: roundedAll({
        p50: jitter.percentile(50) / 1_000,
        p99: jitter.percentile(99) / 1_000,
      }),
    };
  },
});

async function begin(url: string, voice: Int16Array): Promise<void> {
  const caller = await AudioConnectorCaller.dial({ url });
  callers.push(caller);
  let lastMs = performance.now();
  caller.on("audio", () => {
    const nowMs = performance.now();
    jitter.record(microseconds(nowMs - lastMs - FRAME_MS));
    lastMs = nowMs;
  });
  speak(caller, voice).catch(() => {}); // ends with the process
}

async function speak(caller: AudioConnectorCaller, voice: Int16Array): Promise<void> {
  while (caller.open) {
    caller.say(voice);
    await caller.said();
  }
}

function snapshot() {
  const { user, system } = process.cpuUsage();
  const sum = (count: (caller: AudioConnectorCaller) => number) =>
    callers.reduce((total, caller) => total + count(caller), 0);
  return {
    cpuMs: (user + system) / 1_000,
    framesReceived: sum(({ report }) => report.framesPlayed + report.bufferedMessages),
    underruns: sum(({ report }) => report.underruns),
    overruns: sum(({ report }) => report.overruns),
  };
}
