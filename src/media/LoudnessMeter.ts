import { z } from "zod";
import { parseOptions } from "../core/index.ts";
import { type Loudness, loadBinding, type NativeObject } from "../native/index.ts";
import { type AudioFrame, requireFormat, requirePcm } from "./AudioFrame.ts";
import { sinkChannelsSchema, sinkRateSchema } from "./format.ts";

const optionsSchema = z.object({
  sampleRate: sinkRateSchema.default(48_000),
  channels: sinkChannelsSchema.default(1),
});

/**
 * How loud audio is to people, by EBU R 128 (https://tech.ebu.ch/publications/r128): to bring voices and prompts to
 * one level. What it needs does not grow with what it hears.
 *
 * @example
 * const meter = new LoudnessMeter({ sampleRate: 48_000 });
 * meter.add(pcm);
 * const gain = 10 ** ((-23 - meter.loudness.integrated) / 20);
 */
export class LoudnessMeter {
  readonly sampleRate: number;
  readonly channels: number;
  readonly #meter: NativeObject;

  /** Hz, 48000 when left out, and channels, 1 when left out. */
  constructor(options: { sampleRate?: number; channels?: number } = {}) {
    const { sampleRate, channels } = parseOptions(optionsSchema, options, "LoudnessMeter");
    this.sampleRate = sampleRate;
    this.channels = channels;
    this.#meter = loadBinding().loudnessCreate({ sampleRate, channels });
  }

  /**
   * Adds what comes next.
   *
   * @throws TroupeError INVALID_AUDIO for another format than its own.
   */
  add(audio: AudioFrame | Int16Array): void {
    if (audio instanceof Int16Array) requirePcm(audio, this.channels);
    else requireFormat(audio, this.sampleRate, this.channels);
    loadBinding().loudnessAdd(this.#meter, audio instanceof Int16Array ? audio : audio.pcm);
  }

  /** What it heard so far; -Infinity where that was silence. */
  get loudness(): Loudness {
    return loadBinding().loudnessFigures(this.#meter);
  }
}
