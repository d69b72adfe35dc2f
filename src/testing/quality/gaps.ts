import { rms, type Segment } from "./segments.ts";

/** A hole in speech. */
export interface Gap {
  /** Where it begins, in ms of the reference. */
  atMs: number;
  lengthMs: number;
}

export interface GapOptions {
  /** Hz of both signals; 16000 when left out. */
  sampleRate?: number;
  /** Gaps of this length and less do not count; 20 when left out. */
  longerThanMs?: number;
}

const FRAME_MS = 5;
/** The reference speaks where it is no further below its own mean level than this, for so long before and after. */
const SPEECH_BELOW_MEAN_DB = 20;
const SPEECH_AROUND_MS = 40;
/** It is a gap where the degraded signal is so far below the quietest that the reference is around it. */
const GAP_BELOW_DB = 20;

/**
 * Finds where `degraded` is as good as silent for more than 20 ms while `reference` speaks without a pause. The
 * segments say where each part of the reference is in the degraded signal.
 */
export function findGaps(
  reference: Int16Array,
  degraded: Int16Array,
  segments: readonly Segment[],
  { sampleRate = 16_000, longerThanMs = 20 }: GapOptions = {},
): Gap[] {
  const frame = Math.round((FRAME_MS * sampleRate) / 1000);
  const around = SPEECH_AROUND_MS / FRAME_MS;
  const levels = levelsOf(reference, frame);
  const least = decibels(rms(reference)) - SPEECH_BELOW_MEAN_DB;
  const gaps: Gap[] = [];
  let frames = 0;
  const end = (index: number) => {
    const lengthMs = frames * FRAME_MS;
    if (lengthMs > longerThanMs) gaps.push({ atMs: (index - frames) * FRAME_MS, lengthMs });
    frames = 0;
  };
  for (let index = 0; index < levels.length; index++) {
    const near = levels.slice(Math.max(0, index - around), index + around + 1);
    const quietest = Math.min(...near);
    const delay = segmentAt(segments, index * frame)?.delay;
    const from = index * frame + (delay ?? 0);
    const isGap =
      delay !== undefined &&
      quietest >= least &&
      decibels(rms(degraded.subarray(from, from + frame))) < quietest - GAP_BELOW_DB;
    if (isGap) frames += 1;
    else end(index);
  }
  end(levels.length);
  return gaps;
}

function segmentAt(segments: readonly Segment[], sample: number): Segment | undefined {
  const length = segments[0]?.length ?? 1;
  return segments[Math.floor(sample / length)];
}

function levelsOf(pcm: Int16Array, frame: number): number[] {
  return Array.from({ length: Math.floor(pcm.length / frame) }, (_, index) =>
    decibels(rms(pcm.subarray(index * frame, (index + 1) * frame))),
  );
}

function decibels(amplitude: number): number {
  return 20 * Math.log10(Math.max(amplitude, 0.1));
}
