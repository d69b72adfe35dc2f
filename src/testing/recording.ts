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
