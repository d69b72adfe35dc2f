import { z } from "zod";
import { parseOptions, TroupeError } from "../core/index.ts";

/** Rows and columns of the keypad, in Hz (ITU-T Q.23, https://www.itu.int/rec/T-REC-Q.23). */
export const DTMF_ROWS = [697, 770, 852, 941] as const;
export const DTMF_COLUMNS = [1_209, 1_336, 1_477, 1_633] as const;
const KEYS = ["123A", "456B", "789C", "*0#D"] as const;

/** Rise and fall, so that a tone does not click. */
const RAMP_MS = 5;

const frequencyError = "a number of Hz above 0 and below half the sample rate";
const toneSchema = z
  .object({
    frequencies: z
      .array(z.number({ error: frequencyError }).positive({ error: frequencyError }))
      .min(1, { error: "1 to 8 frequencies" })
      .max(8, { error: "1 to 8 frequencies" }),
    durationMs: z
      .number({ error: "a number of milliseconds from 0 to 600000" })
      .min(0, { error: "a number of milliseconds from 0 to 600000" })
      .max(600_000, { error: "a number of milliseconds from 0 to 600000" }),
    sampleRate: z
      .int({ error: "a whole number from 8000 to 192000 Hz" })
      .min(8_000, { error: "a whole number from 8000 to 192000 Hz" })
      .max(192_000, { error: "a whole number from 8000 to 192000 Hz" })
      .default(48_000),
    levelDb: z
      .number({ error: "a number of dB from -90 to 0" })
      .min(-90, { error: "a number of dB from -90 to 0" })
      .max(0, { error: "a number of dB from -90 to 0" })
      .default(-12),
  })
  .refine(({ frequencies, sampleRate }) => frequencies.every((it) => it < sampleRate / 2), {
    error: frequencyError,
    path: ["frequencies"],
  });

/** A tone, or several at once. */
export interface ToneOptions {
  /** Hz */
  frequencies: readonly number[];
  durationMs: number;
  /** Hz; 48000 when left out. */
  sampleRate?: number;
  /** Peak of all of them together, in dB relative to overload; -12 when left out. */
  levelDb?: number;
}

/**
 * Mono samples of a tone, with soft edges.
 *
 * @throws TroupeError INVALID_OPTION
 */
export function generateTone(options: ToneOptions): Int16Array {
  const { frequencies, durationMs, sampleRate, levelDb } = parseOptions(toneSchema, options, "tone");
  const length = Math.round((durationMs * sampleRate) / 1000);
  const ramp = Math.min((RAMP_MS * sampleRate) / 1000, length / 2);
  const amplitude = (32_767 * 10 ** (levelDb / 20)) / frequencies.length;
  return Int16Array.from({ length }, (_, at) => {
    const edge = Math.min(1, (at + 1) / ramp, (length - at) / ramp);
    let sum = 0;
    for (const frequency of frequencies) sum += Math.sin((2 * Math.PI * frequency * at) / sampleRate);
    return Math.round(edge * amplitude * sum);
  });
}

/** How digits are keyed. */
export interface DtmfOptions {
  /** Hz; 48000 when left out. */
  sampleRate?: number;
  /** Length of a digit, 100 ms when left out; detectors want at least 40 ms (ITU-T Q.24), ours 60. */
  toneMs?: number;
  /** Silence behind a digit, and length of a comma among the digits; 100 ms when left out. */
  pauseMs?: number;
  /** -12 when left out. */
  levelDb?: number;
}

/**
 * Mono samples of telephone digits: 0 to 9, A to D, *, #, and a comma for a pause.
 *
 * @throws TroupeError INVALID_OPTION for another character, or options that make no tone.
 */
export function generateDtmf(digits: string, options: DtmfOptions = {}): Int16Array {
  const { sampleRate = 48_000, toneMs = 100, pauseMs = 100, levelDb = -12 } = options;
  const pieces = [...digits].flatMap((digit) => {
    const pause = new Int16Array(Math.round((pauseMs * sampleRate) / 1000));
    if (digit === ",") return [pause];
    return [
      generateTone({ frequencies: dtmfFrequencies(digit), durationMs: toneMs, sampleRate, levelDb }),
      pause,
    ];
  });
  const pcm = new Int16Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    pcm.set(piece, at);
    at += piece.length;
  }
  return pcm;
}

/** The key at a place of the keypad. */
export function dtmfDigit(row: number, column: number): string {
  return KEYS[row]![column]!;
}

function dtmfFrequencies(digit: string): [number, number] {
  const row = KEYS.findIndex((keys) => keys.includes(digit.toUpperCase()));
  if (row < 0 || digit.length !== 1)
    throw TroupeError.expected("INVALID_OPTION", "digits", "0 to 9, A to D, *, # or a comma", digit);
  return [DTMF_ROWS[row]!, DTMF_COLUMNS[KEYS[row]!.indexOf(digit.toUpperCase())]!];
}
