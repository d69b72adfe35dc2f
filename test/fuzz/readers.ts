// Mutated files and messages against everything in TypeScript that reads bytes of others, but SDP (sdp.ts).
// node --conditions=troupe-source test/fuzz/readers.ts SECONDS [SEED]
import { pathToFileURL } from "node:url";
import { TroupeError } from "../../src/core/index.ts";
import { createFrame, frameFromJson, frameToJson } from "../../src/media/AudioFrame.ts";
import { decodeWav } from "../../src/media/decodeWav.ts";
import { recordingHeader, wavHeader } from "../../src/media/wav.ts";
import { connectSchema, memberMessageSchema, parseJson } from "../../src/stage/messages.ts";
import { parseFarMessage } from "../../src/transports/audio-connector/wire.ts";
import { decodeMessage, encodeAudio, encodeConfirmation } from "../../src/transports/avatar/wire/messages.ts";
import { hasErrors, readProblem } from "../../src/transports/avatar/wire/problem.ts";
import { parseServerMessage } from "../../src/transports/sora/wire.ts";
import { processorMsSince } from "./processorTime.ts";
import { type Random, seeded } from "./random.ts";
import { OGG_OPUS, readCallAudio, readOggOpus } from "./streams.ts";

/** A single input that takes longer than this, in processor time, is a fault. */
const SLOW_MS = 1000;
const MAXIMUM_INPUT_BYTES = 200_000;

interface Reader {
  /** Well-formed inputs to begin with. */
  corpus: Buffer[];
  /** True when it took the input. Throws a TroupeError at the most, and anything else for what must not be. */
  read(input: Buffer): boolean;
}

const json = (...values: unknown[]) => values.map((value) => Buffer.from(JSON.stringify(value)));

const samples = Int16Array.from({ length: 320 }, (_, at) => at * 50);
const format = { sampleRate: 16_000, channels: 2, dataBytes: samples.byteLength };

const READERS: Record<string, Reader> = {
  wav: {
    corpus: [wavHeader(format), recordingHeader(format)].map((header) =>
      Buffer.concat([header, Buffer.from(samples.buffer)]),
    ),
    read(input) {
      const { pcm, channels, sampleRate } = decodeWav(input);
      if (pcm.byteLength > input.length || pcm.length % channels !== 0 || sampleRate <= 0)
        throw new Error(`${pcm.length} samples of ${channels} channels out of ${input.length} bytes`);
      return true;
    },
  },
  "frame JSON": {
    corpus: json(
      frameToJson(createFrame(samples, { sampleRate: 16_000, channels: 2 })),
      frameToJson(createFrame(samples.subarray(0, 1), { sampleRate: 8_000 })),
    ),
    read(input) {
      const { pcm, channels, samplesPerChannel } = frameFromJson(parsed(input));
      if (pcm.length !== channels * samplesPerChannel) throw new Error("a frame of another length");
      return true;
    },
  },
  "Sora, client": {
    corpus: json(
      { type: "offer", sdp: "v=0", client_id: "a", connection_id: "b", session_id: "c", mid: { audio: "0" } },
      {
        type: "notify",
        event_type: "connection.created",
        connection_id: "b",
        minutes: 1,
        channel_connections: 2,
      },
      { type: "push", data: { any: [1, "thing"] } },
      { type: "ping", stats: true },
      { type: "close", code: 4490, reason: "why" },
      { type: "redirect", location: "wss://127.0.0.1/signaling" },
    ),
    read: (input) => parseServerMessage(input.toString()).kind === "message",
  },
  "Sora, stage": {
    corpus: json(
      {
        type: "connect",
        role: "sendrecv",
        channel_id: "room",
        audio: { codec_type: "OPUS", bit_rate: 32, opus_params: { stereo: true } },
        data_channels: [{ label: "#chat", direction: "sendrecv", ordered: true }],
      },
      { type: "answer", sdp: "v=0" },
      { type: "candidate", candidate: "candidate:1 1 udp 1 127.0.0.1 9 typ host" },
      { type: "pong", stats: [] },
      { type: "disconnect", reason: "NO-ERROR" },
    ),
    read(input) {
      const value = parseJson(input.toString());
      return [connectSchema, memberMessageSchema].some((schema) => schema.safeParse(value).success);
    },
  },
  "audio connector": {
    corpus: json(
      { event: "websocket:connected", "content-type": "audio/l16;rate=16000" },
      { "content-type": "audio/l16;rate=8000", caller: { name: "Ann", tries: [1, 2] } },
      { audio: Buffer.alloc(640).toString("base64") },
      { digit: 7, duration: "120" },
      { event: "websocket:dtmf", digit: "5", duration: 260 },
      { event: "websocket:media:update", active: false },
      { event: "websocket:cleared" },
      { event: "websocket:notify", payload: { a: 1 } },
      { event: "websocket:disconnected" },
    ).flatMap((text) => [text, Buffer.concat([Buffer.from(" \n"), text])]),
    read: (input) => parseFarMessage(input.toString()).type !== "other",
  },
  "audio connector, audio": {
    corpus: [
      Buffer.from(samples.buffer),
      ...[0, 1, 2, 639, 640].map((bytes) =>
        Buffer.from(JSON.stringify({ audio: Buffer.alloc(bytes, 9).toString("base64"), seq: bytes })),
      ),
    ],
    read: readCallAudio,
  },
  avatar: {
    corpus: [encodeConfirmation("connection"), encodeAudio("request", Buffer.alloc(64, 7), true)].map(
      (bytes) => Buffer.from(bytes),
    ),
    read: (input) => decodeMessage(input) !== null,
  },
  "avatar, Ogg Opus": { corpus: OGG_OPUS, read: readOggOpus },
  "avatar, errors": {
    corpus: json(
      { errors: [{ title: "a", detail: "b", status: "401", code: "c" }] },
      { title: "a", detail: "b" },
    ),
    read: (input) => hasErrors(input.toString()) || readProblem(input.toString()) !== undefined,
  },
};

/** What every reader may say of what is no JSON. */
function parsed(input: Buffer): unknown {
  try {
    return JSON.parse(input.toString());
  } catch (error) {
    throw TroupeError.from("INVALID_AUDIO", error);
  }
}

const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const TOKENS = [
  "null",
  "[]",
  "{}",
  '""',
  "-1",
  "1e999",
  "4294967296",
  "true",
  '"__proto__"',
  '"\\ud800"',
  "[".repeat(999),
];

type Mutation = (random: Random, input: Buffer, other: Buffer) => Buffer;

function replaced(input: Buffer, at: number, length: number, by: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, at), by, input.subarray(at + length)]);
}

const MUTATIONS: Mutation[] = [
  (random, input) => replaced(input, random(input.length), 1, Buffer.from([random(256)])),
  (random, input) => input.subarray(0, random(input.length + 1)),
  (random, input) => replaced(input, random(input.length), random(40), Buffer.alloc(0)),
  (random, input) => replaced(input, random(input.length), 0, Buffer.alloc(random(40), random(256))),
  (random, input, other) =>
    Buffer.concat([input.subarray(0, random(input.length)), other.subarray(random(other.length))]),
  (random, input) => {
    const at = random(input.length);
    return replaced(input, at, 0, input.subarray(at).subarray(0, random(200)));
  },
  (random, input) => {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(NUMBERS[random(NUMBERS.length)] ?? 0);
    return replaced(input, random(input.length), 4, random(2) === 0 ? number : number.reverse());
  },
  // A value of JSON for another.
  (random, input) => {
    const text = input.toString("latin1");
    const values = [...text.matchAll(/"[^"]*"|-?\d+|true|false|null/g)];
    const value = values[random(values.length || 1)];
    if (!value) return input;
    return replaced(input, value.index, value[0].length, Buffer.from(TOKENS[random(TOKENS.length)] ?? ""));
  },
];

function mutate(random: Random, corpus: readonly Buffer[]): Buffer {
  const any = () => corpus[random(corpus.length)] ?? Buffer.alloc(0);
  let input = any();
  for (let count = random(5); count > 0 && input.length > 0; count -= 1) {
    const mutation = MUTATIONS[random(MUTATIONS.length)];
    if (mutation) input = mutation(random, input, any()).subarray(0, MAXIMUM_INPUT_BYTES);
  }
  return Buffer.from(input);
}

export interface ReaderResult {
  inputs: number;
  accepted: number;
  refused: number;
  slowestMs: number;
}

function tryInput({ read }: Reader, input: Buffer, result: ReaderResult): void {
  const started = process.cpuUsage();
  let taken = false;
  try {
    taken = read(input);
  } catch (error) {
    if (!(error instanceof TroupeError)) throw error;
  }
  result.inputs += 1;
  result[taken ? "accepted" : "refused"] += 1;
  result.slowestMs = Math.max(result.slowestMs, processorMsSince(started));
}

/** Gives each reader inputs in turn until `isDone`; throws with the input at hand when anything but a TroupeError comes out. */
export function fuzzReaders(seed: number, isDone: (inputs: number) => boolean): Record<string, ReaderResult> {
  const random = seeded(seed);
  const results: Record<string, ReaderResult> = {};
  for (let round = 0; !isDone(round); round += 1) {
    for (const [name, reader] of Object.entries(READERS)) {
      const result = results[name] ?? { inputs: 0, accepted: 0, refused: 0, slowestMs: 0 };
      results[name] = result;
      const input = mutate(random, reader.corpus);
      try {
        tryInput(reader, input, result);
      } catch (cause) {
        const shown = input.subarray(0, 2000).toString("base64");
        throw new Error(`${name}, seed ${seed}, input ${result.inputs}: ${shown}`, { cause });
      }
    }
  }
  return results;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const seconds = Number(process.argv[2] ?? 10);
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
  const end = performance.now() + seconds * 1000;
  const results = fuzzReaders(seed, () => performance.now() >= end);
  for (const [name, result] of Object.entries(results)) {
    console.log(JSON.stringify({ name, seed, ...result, slowestMs: Math.round(result.slowestMs) }));
    if (result.slowestMs > SLOW_MS) throw new Error(`${name}: an input took ${result.slowestMs} ms`);
    if (result.accepted === 0 || result.refused === 0) throw new Error(`${name}: the inputs test nothing`);
  }
}
