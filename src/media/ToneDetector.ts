import { TroupeError } from "../core/index.ts";
import { type AudioFrame, remixFrame } from "./AudioFrame.ts";
import { Goertzel, meanSquare } from "./Goertzel.ts";
import { DTMF_COLUMNS, DTMF_ROWS, dtmfDigit } from "./tone.ts";

/** A block is long enough to tell the keypad's rows apart, and short enough for the shortest digit. */
const BLOCK_MS = 20;
/** -40 dB: below it nothing counts as a tone. */
const FAINTEST = 32_768 ** 2 / 2 / 1e4;
/** How much of a block's power the tones must have. */
const PURITY = 0.7;
/** How much stronger the column may be than the row, and the row than the column (8 and 6 dB, with some room). */
const TWIST = 8;
/** The next strongest of a row or column must be weaker by so much. */
const LEAD = 6;
/** Blocks in a row that say the same before it counts, so that a digit takes 60 ms wherever its blocks begin. */
const BLOCKS_TO_BEGIN = 2;
const BLOCKS_TO_END = 2;

/** A frame may begin as long as a block after the last one's end; later is a gap. Frames without a time all say 0. */
const TOLERANCE_US = BLOCK_MS * 1_000;

/** What was found in audio. */
export interface DetectedTone<Value> {
  value: Value;
  /** Time of the audio at which it began, and at which it ended, in microseconds. */
  startUs: number;
  endUs: number;
}

/** Cuts audio into blocks and keeps what is over for the next frame. */
class Blocks {
  #rest = new Int16Array(0);
  #sampleRate = 0;
  /** Where the last frame ended; NaN before the first. */
  #endUs = Number.NaN;

  /** Whether `frame` does not go on where the last one ended; what is left of that one is dropped then. */
  breaksBefore(frame: AudioFrame): boolean {
    const isBroken =
      frame.timestampUs - this.#endUs > TOLERANCE_US ||
      (this.#sampleRate !== 0 && frame.sampleRate !== this.#sampleRate);
    if (isBroken) this.#rest = new Int16Array(0);
    return isBroken;
  }

  /** Drops what is left of the last frame: the next one begins anew. */
  reset(): void {
    this.#rest = new Int16Array(0);
    this.#endUs = Number.NaN;
  }

  /** Calls `each` with every whole block of `frame` and the time at which it begins. */
  push(frame: AudioFrame, each: (block: Int16Array, timeUs: number, lengthUs: number) => void): void {
    const { pcm, sampleRate } = remixFrame(frame, 1);
    this.#sampleRate = sampleRate;
    this.#endUs = frame.timestampUs + (frame.samplesPerChannel * 1_000_000) / sampleRate;
    const samples = new Int16Array(this.#rest.length + pcm.length);
    samples.set(this.#rest);
    samples.set(pcm, this.#rest.length);
    const length = Math.round((sampleRate * BLOCK_MS) / 1000);
    const beganUs = frame.timestampUs - (this.#rest.length * 1_000_000) / sampleRate;
    let at = 0;
    for (; at + length <= samples.length; at += length)
      each(samples.subarray(at, at + length), beganUs + (at * 1_000_000) / sampleRate, BLOCK_MS * 1_000);
    this.#rest = samples.slice(at);
  }
}

/** Turns what each block says into beginnings and ends, so that one odd block changes nothing. */
class Steady<Value> {
  #current: { value: Value; startUs: number; endUs: number } | undefined;
  #candidate: { value: Value; blocks: number; startUs: number } | undefined;
  #missing = 0;

  /** What `value`, null for nothing, ended or began. */
  push(value: Value | null, timeUs: number, lengthUs: number) {
    if (this.#current && value === this.#current.value) {
      this.#missing = 0;
      this.#current.endUs = timeUs + lengthUs;
      return {};
    }
    this.#missing += 1;
    const ended = this.#current && this.#missing >= BLOCKS_TO_END ? this.#current : undefined;
    if (ended) this.#current = undefined;
    if (value === null) this.#candidate = undefined;
    else if (this.#candidate?.value === value) this.#candidate.blocks += 1;
    else this.#candidate = { value, blocks: 1, startUs: timeUs };
    if (this.#current || !this.#candidate || this.#candidate.blocks < BLOCKS_TO_BEGIN) return { ended };
    this.#current = {
      value: this.#candidate.value,
      startUs: this.#candidate.startUs,
      endUs: timeUs + lengthUs,
    };
    this.#candidate = undefined;
    this.#missing = 0;
    return { ended, began: this.#current };
  }

  finish(): DetectedTone<Value> | undefined {
    const ended = this.#current;
    this.#current = undefined;
    this.#candidate = undefined;
    this.#missing = 0;
    return ended;
  }
}

/**
 * Hears telephone digits in audio of any rate from 8 kHz on: pushes of frames in order give the digits that have
 * ended since.
 *
 * @example
 * const detector = new DtmfDetector();
 * sink.on("frame", (frame) => {
 *   for (const { value } of detector.push(frame)) dialled(value);
 * });
 */
export class DtmfDetector {
  readonly #blocks = new Blocks();
  readonly #steady = new Steady<string>();
  #goertzel: Goertzel | undefined;
  #sampleRate = 0;
  #sounding: string | null = null;

  /** The digit that sounds now; null for none. */
  get sounding(): string | null {
    return this.#sounding;
  }

  /**
   * Takes a frame and gives the digits that ended in it, or before it where its time leaves a gap of more than 20 ms
   * behind the last one.
   */
  push(frame: AudioFrame): DetectedTone<string>[] {
    const found = this.#blocks.breaksBefore(frame) ? this.#finish() : [];
    if (frame.sampleRate !== this.#sampleRate) {
      this.#sampleRate = frame.sampleRate;
      this.#goertzel = new Goertzel([...DTMF_ROWS, ...DTMF_COLUMNS], frame.sampleRate);
    }
    this.#blocks.push(frame, (block, timeUs, lengthUs) => {
      const { ended, began } = this.#steady.push(this.#read(block), timeUs, lengthUs);
      if (ended) {
        found.push(ended);
        this.#sounding = null;
      }
      if (began) this.#sounding = began.value;
    });
    return found;
  }

  /**
   * Ends the audio; gives the digit that sounded still. Call it when frames stop coming: a digit that silence without
   * frames follows is reported here, or with the next frame. What is pushed afterwards begins anew.
   */
  flush(): DetectedTone<string>[] {
    this.#blocks.reset();
    return this.#finish();
  }

  #finish(): DetectedTone<string>[] {
    const ended = this.#steady.finish();
    this.#sounding = null;
    return ended ? [ended] : [];
  }

  #read(block: Int16Array): string | null {
    const power = meanSquare(block);
    if (power < FAINTEST) return null;
    const powers = this.#goertzel!.powers(block);
    const row = strongest(powers.slice(0, DTMF_ROWS.length));
    const column = strongest(powers.slice(DTMF_ROWS.length));
    if (!row || !column || row.power + column.power < PURITY * power) return null;
    if (row.power > TWIST * column.power || column.power > TWIST * row.power) return null;
    return dtmfDigit(row.index, column.index);
  }
}

/** The strongest of several, if it leads the others clearly. */
function strongest(powers: readonly number[]): { index: number; power: number } | null {
  const power = Math.max(...powers);
  const index = powers.indexOf(power);
  return powers.every((other, at) => at === index || other * LEAD <= power) ? { index, power } : null;
}

/**
 * Hears one tone, such as an answering machine's beep or a test tone, among others and noise.
 *
 * @example
 * const beep = new ToneDetector({ frequency: 1_000 });
 * sink.on("frame", (frame) => beep.push(frame).length > 0 && leaveMessage());
 */
export class ToneDetector {
  readonly frequency: number;
  readonly #share: number;
  readonly #blocks = new Blocks();
  readonly #steady = new Steady<number>();
  #goertzel: Goertzel | undefined;
  #sampleRate = 0;

  /**
   * @param options.frequency Hz
   * @param options.share how much of the power the tone must have, 0 to 1; 0.7 when left out
   */
  constructor(options: { frequency: number; share?: number }) {
    const { frequency, share = PURITY } = options;
    if (!(frequency > 0 && frequency < 96_000))
      throw TroupeError.expected("INVALID_OPTION", "ToneDetector.frequency", "Hz from 0 to 96000", frequency);
    if (!(share > 0 && share <= 1))
      throw TroupeError.expected("INVALID_OPTION", "ToneDetector.share", "a number from 0 to 1", share);
    this.frequency = frequency;
    this.#share = share;
  }

  /** Takes a frame and gives the tones that ended in it, or before it where its time leaves a gap. */
  push(frame: AudioFrame): DetectedTone<number>[] {
    const ended = this.#blocks.breaksBefore(frame) ? this.#steady.finish() : undefined;
    const found = ended ? [ended] : [];
    if (frame.sampleRate !== this.#sampleRate) {
      this.#sampleRate = frame.sampleRate;
      this.#goertzel = new Goertzel([this.frequency], frame.sampleRate);
    }
    this.#blocks.push(frame, (block, timeUs, lengthUs) => {
      const power = meanSquare(block);
      const isThere = power >= FAINTEST && this.#goertzel!.powers(block)[0]! >= this.#share * power;
      const { ended } = this.#steady.push(isThere ? this.frequency : null, timeUs, lengthUs);
      if (ended) found.push(ended);
    });
    return found;
  }

  /** As that of {@link DtmfDetector}, for the tone that sounded still. */
  flush(): DetectedTone<number>[] {
    this.#blocks.reset();
    const ended = this.#steady.finish();
    return ended ? [ended] : [];
  }
}
