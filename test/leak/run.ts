// Looks for leaks: many connections one after another, then much audio in little time.
//
// npm run leak [-- --rounds 200 --minutes 10]
import { parseArgs } from "node:util";
import { AudioSink, AudioSource, connect } from "troupe";
import { sora } from "troupe/sora";
import { Stage } from "troupe/stage";
import { Engine, loadBinding } from "../../src/native/index.ts";
import { runAudio } from "./audio.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "200" }, minutes: { type: "string", default: "10" } },
});
const ROUNDS = Number(values.rounds);
const MINUTES = Number(values.minutes);
/** Rounds before the first reading: caches, the optimiser and the allocator settle in them. */
const WARM_UP_ROUNDS = Math.ceil(ROUNDS / 4);
/** What the process may grow by from the first reading to the last. */
const CONNECTION_GROWTH_LIMIT = 12 << 20;
const AUDIO_GROWTH_LIMIT = 8 << 20;
/** Audio must run at least this many times as fast as it is heard. */
const LEAST_SPEED = 20;
const SETTLE_MS = 10_000;

let passed = 0;
let failed = 0;

await leakOfConnections();
await leakOfAudio();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function leakOfConnections(): Promise<void> {
  const stage = await Stage.start();
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await oneRound(stage.signalingUrl, round);
  const before = residentBytes();
  for (let round = WARM_UP_ROUNDS; round < ROUNDS; round++) await oneRound(stage.signalingUrl, round);
  const after = residentBytes();
  await stage.close();
  const handles = await handlesLeft();
  const { transports } = loadBinding().transportHandles();
  console.log(`after ${ROUNDS} rounds: engine handles ${JSON.stringify(handles)}, transports ${transports}`);
  console.log(
    `resident: ${mebibytes(before)} after ${WARM_UP_ROUNDS} rounds, ${mebibytes(after)} after ${ROUNDS}`,
  );
  check(
    "no engine handle is left",
    Object.values(handles).every((count) => count === 0),
  );
  check("no transport is left", transports === 0);
  check(`grew by less than ${mebibytes(CONNECTION_GROWTH_LIMIT)}`, after - before < CONNECTION_GROWTH_LIMIT);
  Engine.stop();
}

/** The engine's handles once there are none, or after a while: a codec thread lets go of them between two ticks. */
async function handlesLeft(): Promise<Record<string, number>> {
  const end = performance.now() + SETTLE_MS;
  for (;;) {
    const handles: Record<string, number> = { ...Engine.shared().stats().handles };
    if (Object.values(handles).every((count) => count === 0) || performance.now() > end) return handles;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Two bots join, hear each other once, and leave. */
async function oneRound(signalingUrl: string, round: number): Promise<void> {
  const channelId = `leak-${round}`;
  const source = new AudioSource({ sampleRate: 48_000, channels: 1 });
  const speaker = connect(
    sora({ signalingUrls: [signalingUrl], channelId, role: "sendonly", audioSource: source }),
  );
  const listener = connect(sora({ signalingUrls: [signalingUrl], channelId, role: "recvonly" }));
  const heard = new Promise<AudioSink>((resolve) => {
    listener.once("track", (track) => {
      const sink = new AudioSink(track, { sampleRate: 16_000 });
      sink.once("frame", () => resolve(sink));
    });
  });
  await Promise.all([speaker.connected(), listener.connected()]);
  await source.write(new Int16Array(9_600).fill(1_000));
  const sink = await heard;
  await Promise.all([speaker.disconnect(), listener.disconnect()]);
  sink.close();
  source.close();
}

async function leakOfAudio(): Promise<void> {
  const result = runAudio(MINUTES);
  console.log(
    `${MINUTES} minutes of audio in ${result.wallSeconds.toFixed(1)} s (${result.speed.toFixed(0)} times as fast), ` +
      `${result.framesHeard} frames heard; resident ${mebibytes(result.residentEarly)} early, ` +
      `${mebibytes(result.residentLate)} at the end; handles ${JSON.stringify(result.handles)}`,
  );
  check(`ran at least ${LEAST_SPEED} times as fast as heard`, result.speed >= LEAST_SPEED);
  check("nearly all frames were heard", result.framesHeard > MINUTES * 60 * 100 * 0.99);
  check(
    "no engine handle is left",
    Object.values(result.handles).every((count) => count === 0),
  );
  check(
    `grew by less than ${mebibytes(AUDIO_GROWTH_LIMIT)}`,
    result.residentLate - result.residentEarly < AUDIO_GROWTH_LIMIT,
  );
}

function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

function check(what: string, ok: boolean): void {
  if (ok) passed += 1;
  else failed += 1;
  console.log(`${ok ? "ok    " : "FAILED"} ${what}`);
}

function mebibytes(bytes: number): string {
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
