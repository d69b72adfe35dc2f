import { readFile } from "node:fs/promises";
import { decodeWav } from "../index.ts";

/** A recording with its channels apart. */
export interface Recording {
  /** Hz */
  sampleRate: number;
  channels: Int16Array[];
}

/** A stretch of sound, in ms from the beginning of the recording. */
export interface SoundSpan {
  fromMs: number;
  toMs: number;
}

export interface SoundOptions {
  /** Samples at or above it are sound; 500 of 32768 when left out. */
  threshold?: number;
  /** Silences shorter than this do not end a span, in ms; 400 when left out. */
  bridgeMs?: number;
}

/** @throws TroupeError INVALID_AUDIO when it is no 16-bit WAV file. */
export async function readRecording(path: string): Promise<Recording> {
  const { pcm, sampleRate, channels } = decodeWav(await readFile(path));
  const length = pcm.length / channels;
  return {
    sampleRate,
    channels: Array.from({ length: channels }, (_, channel) =>
      Int16Array.from({ length }, (_, at) => pcm[at * channels + channel]!),
    ),
  };
}

/** Where one channel sounds, from its first to its last sample above the threshold. */
export function findSound(pcm: Int16Array, sampleRate: number, options: SoundOptions = {}): SoundSpan[] {
  const { threshold = 500, bridgeMs = 400 } = options;
  const msOf = (sample: number) => (sample * 1000) / sampleRate;
  const spans: SoundSpan[] = [];
  for (let at = 0; at < pcm.length; at++) {
    if (Math.abs(pcm[at]!) < threshold) continue;
    const last = spans.at(-1);
    if (last && msOf(at) - last.toMs < bridgeMs) last.toMs = msOf(at);
    else spans.push({ fromMs: msOf(at), toMs: msOf(at) });
  }
  return spans;
}

/** From the end of what was asked to the first sample of the answer, in ms; undefined when none came. */
export function responseMs(asked: SoundSpan, answers: readonly SoundSpan[]): number | undefined {
  const answer = answers.find((span) => span.fromMs >= asked.toMs);
  return answer && answer.fromMs - asked.toMs;
}

/** From the first sample of an interruption to the last one of what it interrupts, in ms; undefined without any. */
export function silenceMs(interruption: SoundSpan, interrupted: readonly SoundSpan[]): number | undefined {
  const span = interrupted.find(
    ({ fromMs, toMs }) => fromMs < interruption.fromMs && toMs >= interruption.fromMs,
  );
  return span && span.toMs - interruption.fromMs;
}

/** Voices from the lowest man's to a child's, in Hz. */
const VOICE_HZ = { lowest: 70, highest: 400 } as const;
const WINDOW_MS = 30;
const HOP_MS = 2;
/** Of a window with itself, one period later: noise such as an "s" stays below it. */
const PERIODIC = 0.7;

/**
 * Where the vocal folds begin to swing in `span`, in ms from the beginning of the recording: "stop" sounds for a tenth
 * of a second before it is voiced. Undefined when nothing in it is periodic.
 */
export function firstVoicedMs(pcm: Int16Array, sampleRate: number, span: SoundSpan): number | undefined {
  const samplesOf = (ms: number) => Math.round((ms * sampleRate) / 1000);
  const window = samplesOf(WINDOW_MS);
  for (let ms = span.fromMs; ms <= span.toMs; ms += HOP_MS)
    if (isPeriodic(pcm.subarray(samplesOf(ms)), window, sampleRate)) return ms;
  return undefined;
}

function isPeriodic(pcm: Int16Array, window: number, sampleRate: number): boolean {
  const longest = Math.floor(sampleRate / VOICE_HZ.lowest);
  if (pcm.length < window + longest) return false;
  for (let lag = Math.ceil(sampleRate / VOICE_HZ.highest); lag <= longest; lag++)
    if (correlation(pcm, window, lag) >= PERIODIC) return true;
  return false;
}

/** Of the first `window` samples with those `lag` later, -1 to 1. */
function correlation(pcm: Int16Array, window: number, lag: number): number {
  let product = 0;
  let energy = 0;
  let laterEnergy = 0;
  for (let at = 0; at < window; at++) {
    product += pcm[at]! * pcm[at + lag]!;
    energy += pcm[at]! ** 2;
    laterEnergy += pcm[at + lag]! ** 2;
  }
  return product / Math.sqrt(energy * laterEnergy || 1);
}
