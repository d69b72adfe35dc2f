import type { StatsEntry } from "../../../index.ts";
import {
  alignSegments,
  findGaps,
  type ScoreOptions,
  type Segment,
  type SpeechPair,
  scoreSpeech,
} from "../../../testing/index.ts";
import { percentile, rounded } from "../figures.ts";
import type { HeardAudio } from "./heard.ts";
import { SAMPLE_RATE } from "./speech.ts";

/** How a receiver did in one row. */
export interface ReceiverFigures {
  /** ViSQOL's mean opinion score, 1 to 5: the mean of pieces of 10 s, and the worst of them. */
  score: number;
  worstScore: number;
  /** Percent of the samples played that were made up, by the receiver's own statistics. */
  concealedPercent: number;
  /** Silences of more than 20 ms within speech, heard: how many a minute, and how long in all. */
  gapsPerMinute: number;
  gapMs: number;
  /** From the moment at which the unimpaired path would have delivered a sample until it is heard, in ms. */
  addedDelayMs: { p50: number; p95: number };
  /** Media packets that its link lost: the same ones for both receivers. */
  packetsLostOnLink: number;
  nacks: number;
  fecPackets: number;
  acceleratedPercent: number;
  deceleratedPercent: number;
}

export interface Heard {
  audio: HeardAudio;
  /** Monotonic time at which the first packet would have come by the unimpaired path. */
  firstDueMs: number;
  before: StatsEntry[];
  after: StatsEntry[];
  packetsLostOnLink: number;
  /** By how much the machine made packets later than the network was to, at most. */
  machineLateMs: number;
}

/** All but the score, and what is to be scored. */
export interface Scored {
  figures: Omit<ReceiverFigures, "score" | "worstScore">;
  pairs: SpeechPair[];
  gaps: number;
}

const PIECE_SECONDS = 10;
const MAXIMUM_DELAY_MS = 1_200;
const PPM = 1e-6;
const SCORED_WITHIN_MS = 600_000;

/**
 * Compares what was said with what was heard.
 *
 * @param warmUpSeconds of the speech that only set the receiver to the network
 * @param clockDriftPpm by which the path's own delay changes
 */
export function judge(
  speech: Int16Array,
  heard: Heard,
  { warmUpSeconds, clockDriftPpm = 0 }: { warmUpSeconds: number; clockDriftPpm?: number },
): Scored {
  const degraded = fromMoment(heard.audio, heard.firstDueMs);
  const from = warmUpSeconds * SAMPLE_RATE;
  const segments = alignSegments(speech, degraded, {
    sampleRate: SAMPLE_RATE,
    maximumDelayMs: MAXIMUM_DELAY_MS,
  });
  const scored = segments.filter((segment) => segment.from >= from);
  const gaps = findGaps(speech, degraded, segments).filter(({ atMs }) => atMs >= warmUpSeconds * 1000);
  const minutes = (speech.length - from) / SAMPLE_RATE / 60;
  const delays = scored.map(
    (segment) => ((segment.delay + segment.from * clockDriftPpm * PPM) * 1000) / SAMPLE_RATE,
  );
  return {
    figures: {
      ...statisticsOf(heard),
      gapsPerMinute: rounded(gaps.length / minutes, 1),
      gapMs: gaps.reduce((sum, { lengthMs }) => sum + lengthMs, 0),
      addedDelayMs: { p50: rounded(percentile(delays, 0.5), 1), p95: rounded(percentile(delays, 0.95), 1) },
      packetsLostOnLink: heard.packetsLostOnLink,
    },
    pairs: piecesOf(speech, degraded, scored),
    gaps: gaps.length,
  };
}

/** Scores what was judged, all at once: the scorer takes longer to start than to score. */
export async function withScores(
  scored: readonly Scored[],
  options: ScoreOptions,
): Promise<ReceiverFigures[]> {
  const scores = await scoreSpeech(
    scored.flatMap(({ pairs }) => pairs),
    { timeoutMs: SCORED_WITHIN_MS, ...options },
  );
  return scored.map(({ figures, pairs }) => {
    const own = scores.splice(0, pairs.length);
    const mean = own.reduce((sum, score) => sum + score, 0) / own.length;
    return { score: rounded(mean), worstScore: rounded(Math.min(...own)), ...figures };
  });
}

/** What was heard from a moment on; silence where nothing was yet. */
function fromMoment({ pcm, startedAtMs }: HeardAudio, atMs: number): Int16Array {
  const skipped = Math.round(((atMs - startedAtMs) * SAMPLE_RATE) / 1000);
  if (skipped >= 0) return pcm.subarray(skipped);
  const padded = new Int16Array(pcm.length - skipped);
  padded.set(pcm, -skipped);
  return padded;
}

function piecesOf(speech: Int16Array, degraded: Int16Array, segments: readonly Segment[]): SpeechPair[] {
  const pairs: SpeechPair[] = [];
  const count = Math.min(PIECE_SECONDS, segments.length);
  for (let first = 0; first + count <= segments.length; first += count) {
    const piece = segments.slice(first, first + count);
    const delay = percentile(
      piece.map((segment) => segment.delay),
      0.5,
    );
    const from = piece[0]!.from;
    const to = piece.at(-1)!.from + piece.at(-1)!.length;
    // Padded to the same length where the recording ends.
    const part = new Int16Array(to - from);
    part.set(degraded.subarray(from + delay, to + delay));
    pairs.push({ reference: speech.slice(from, to), degraded: part });
  }
  return pairs;
}

function statisticsOf({ before, after }: Heard) {
  const [first, last] = [before, after].map((report) =>
    report.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio"),
  );
  const change = (name: string) => Number(last?.[name] ?? 0) - Number(first?.[name] ?? 0);
  const percent = (name: string) =>
    rounded((100 * change(name)) / Math.max(1, change("totalSamplesReceived")), 2);
  return {
    concealedPercent: percent("concealedSamples"),
    nacks: change("nackCount"),
    fecPackets: change("fecPacketsReceived"),
    acceleratedPercent: percent("removedSamplesForAcceleration"),
    deceleratedPercent: percent("insertedSamplesForDeceleration"),
  };
}
