// Tones, spoken sentences and WAV files, all at 16 kHz mono.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const SAMPLE_RATE = 16_000;
const WAV_HEADER_BYTES = 44;
/** For a speech program, in ms. */
const TOOL_MS = 60_000;

export function tone(hz: number, seconds: number): Int16Array {
  const pcm = new Int16Array(Math.round(seconds * SAMPLE_RATE));
  return pcm.map((_, at) => Math.round(8000 * Math.sin((2 * Math.PI * hz * at) / SAMPLE_RATE)));
}

export function silence(seconds: number): Int16Array {
  return new Int16Array(Math.round(seconds * SAMPLE_RATE));
}

export function join16(...parts: Int16Array[]): Int16Array {
  const all = new Int16Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** All at once, aligned at their ends. */
export function mix16(...parts: Int16Array[]): Int16Array {
  const length = parts.reduce((longest, part) => Math.max(longest, part.length), 0);
  const mix = new Float64Array(length);
  for (const part of parts) {
    for (const [at, sample] of part.entries()) mix[length - part.length + at]! += sample;
  }
  return Int16Array.from(mix, (sample) => Math.max(-32_768, Math.min(32_767, sample)));
}

/** The share of the energy of `pcm` that lies at `hz` (Goertzel), 0 to 1; 0 when it is hardly to be heard. */
export function purity(pcm: Int16Array, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / SAMPLE_RATE);
  let [last, beforeLast, energy] = [0, 0, 0];
  for (const sample of pcm) {
    [last, beforeLast] = [sample + coefficient * last - beforeLast, last];
    energy += sample * sample;
  }
  if (pcm.length === 0 || Math.sqrt(energy / pcm.length) < 200) return 0;
  const power = last * last + beforeLast * beforeLast - coefficient * last * beforeLast;
  return (2 * power) / (pcm.length * energy);
}

/** The purest 400 ms of `pcm`. */
export function bestPurity(pcm: Int16Array, hz: number): number {
  const window = 0.4 * SAMPLE_RATE;
  let best = 0;
  for (let at = 0; at + window <= pcm.length; at += window / 4) {
    best = Math.max(best, purity(pcm.subarray(at, at + window), hz));
  }
  return best;
}

export function toBase64(pcm: Int16Array): string {
  return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).toString("base64");
}

export function fromBase64(text: string): Int16Array {
  const bytes = Buffer.from(text, "base64");
  return new Int16Array(Uint8Array.from(bytes).buffer, 0, bytes.length >> 1);
}

export async function writeWav(path: string, pcm: Int16Array): Promise<void> {
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + pcm.byteLength, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(pcm.byteLength, 40);
  await writeFile(path, Buffer.concat([header, Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength)]));
}

/** `text` as flite says it, with its voice of 16 kHz. */
export async function speak(text: string): Promise<Int16Array> {
  return inFolder(async (folder) => {
    const path = join(folder, "speech.wav");
    await run("flite", ["-voice", "slt", "-t", text, "-o", path]);
    const bytes = await readFile(path);
    const start = bytes.indexOf("data", 12, "latin1") + 8;
    return new Int16Array(
      Uint8Array.from(bytes.subarray(start)).buffer.slice(0, (bytes.length - start) & ~1),
    );
  });
}

/** What pocketsphinx makes of `pcm` with its general model of English. */
export async function recognize(pcm: Int16Array): Promise<string> {
  return inFolder(async (folder) => {
    const path = join(folder, "heard.wav");
    await writeWav(path, pcm);
    const text = await run("pocketsphinx_continuous", ["-infile", path, "-logfn", "/dev/null"]);
    return text.replace(/\s+/g, " ").trim();
  });
}

/** The share of the words of `said` that are in `heard`, 0 to 1. */
export function wordRecall(said: string, heard: string): number {
  const words = (text: string): string[] => text.toLowerCase().match(/[a-z']+/g) ?? [];
  const left: string[] = words(heard);
  const wanted: string[] = words(said);
  const found = wanted.filter((word) => {
    const at = left.indexOf(word);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
  return found.length / wanted.length;
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "troupe-interop-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(command: string, parameters: string[]): Promise<string> {
  const child = spawn(command, parameters, { stdio: ["ignore", "pipe", "inherit"], timeout: TOOL_MS });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${command} ended with ${code}`)),
    );
  });
}
