import { align } from "./alignment.ts";

/** A stretch of the reference and where it is in the degraded signal. */
export interface Segment {
  /** In samples of the reference. */
  from: number;
  length: number;
  /** How much later it is in the degraded signal, in samples. */
  delay: number;
  /** As in {@link align}; a segment without speech takes the delay of the one before. */
  correlation: number;
}

export interface SegmentOptions {
  /** Hz of both signals; 16000 when left out. */
  sampleRate?: number;
  /** 1000 when left out. */
  segmentMs?: number;
  /** How much later the degraded signal may be, at most; 2000 when left out. */
  maximumDelayMs?: number;
  /** How far the delay may be from that of all, either way; 400 when left out. */
  maximumWanderMs?: number;
}

/** Less alike than this, or quieter than this, a segment says nothing about its delay. */
const LEAST_CORRELATION = 0.3;
const LEAST_RMS = 100;
/** The whole is aligned by its first part of this length. */
const WHOLE_MS = 10_000;

/**
 * Finds segment by segment how much later `degraded` is than `reference`, since a receiver's delay wanders. Mono.
 */
export function alignSegments(
  reference: Int16Array,
  degraded: Int16Array,
  options: SegmentOptions = {},
): Segment[] {
  const { sampleRate = 16_000, segmentMs = 1_000, maximumDelayMs = 2_000, maximumWanderMs = 400 } = options;
  const samples = (ms: number) => Math.round((ms * sampleRate) / 1000);
  const whole = align(
    reference.subarray(0, samples(WHOLE_MS)),
    degraded.subarray(0, samples(WHOLE_MS + maximumDelayMs)),
    {
      minimum: 0,
      maximum: samples(maximumDelayMs),
    },
  );
  const length = samples(segmentMs);
  const wander = samples(maximumWanderMs);
  const segments: Segment[] = [];
  let last = whole.delay;
  for (let from = 0; from + length <= reference.length; from += length) {
    const first = Math.max(0, from + whole.delay - wander);
    const found = align(
      reference.subarray(from, from + length),
      degraded.subarray(first, from + whole.delay + length + wander),
      { minimum: 0, maximum: from + whole.delay + wander - first },
    );
    const tells =
      found.correlation >= LEAST_CORRELATION && rms(reference.subarray(from, from + length)) >= LEAST_RMS;
    last = tells ? first + found.delay - from : last;
    segments.push({ from, length, delay: last, correlation: found.correlation });
  }
  return segments;
}

/** Root mean square of samples. */
export function rms(pcm: Int16Array): number {
  let energy = 0;
  for (const sample of pcm) energy += sample * sample;
  return Math.sqrt(energy / Math.max(1, pcm.length));
}
