import { z } from "zod";
import { parseOptions, TroupeError } from "../core/index.ts";
import { loadBinding, type NativeObject, type ResamplerQuality } from "../native/index.ts";
import { type AudioFrame, createFrame, pcmOf, requireFormat, requirePcm } from "./AudioFrame.ts";

const QUALITIES = ["quick", "low", "medium", "high", "veryHigh"] as const;
const rateSchema = z
  .int({ error: "a whole number from 1000 to 768000 Hz" })
  .min(1_000, { error: "a whole number from 1000 to 768000 Hz" })
  .max(768_000, { error: "a whole number from 1000 to 768000 Hz" });

const optionsSchema = z.object({
  inputRate: rateSchema,
  outputRate: rateSchema,
  channels: z.int({ error: "1 to 32" }).min(1, { error: "1 to 32" }).max(32, { error: "1 to 32" }).default(1),
  quality: z.enum(QUALITIES, { error: `one of ${QUALITIES.join(", ")}` }).default("medium"),
});

/** How a resampler is made. */
export interface AudioResamplerOptions {
  /** Hz */
  inputRate: number;
  /** Hz */
  outputRate: number;
  /** 1 when left out. */
  channels?: number;
  /** How much it costs and how much of the band it keeps; `medium` when left out. */
  quality?: ResamplerQuality;
}

/**
 * Converts audio from one rate to another by soxr. It holds a part of the audio back, so a push may give no frame:
 * `flush` gives the rest.
 *
 * @example
 * const resampler = new AudioResampler({ inputRate: 48_000, outputRate: 16_000 });
 * for (const frame of resampler.push(pcm)) send(frame);
 * for (const frame of resampler.flush()) send(frame);
 */
export class AudioResampler {
  readonly inputRate: number;
  readonly outputRate: number;
  readonly channels: number;
  readonly quality: ResamplerQuality;
  readonly #resampler: NativeObject;
  /** Time of the first sample since the last flush, and the samples per channel given out since. */
  #beganUs: number | undefined;
  #given = 0;

  constructor(options: AudioResamplerOptions) {
    const { inputRate, outputRate, channels, quality } = parseOptions(
      optionsSchema,
      options,
      "AudioResampler",
    );
    this.inputRate = inputRate;
    this.outputRate = outputRate;
    this.channels = channels;
    this.quality = quality;
    this.#resampler = loadBinding().resamplerCreate({ inputRate, outputRate, channels, quality });
  }

  /**
   * Takes a frame, samples, or bytes of 16-bit little-endian samples, and gives what is ready: no frame or one.
   *
   * @throws TroupeError INVALID_AUDIO for another rate or channel count, or a part of a sample.
   */
  push(audio: AudioFrame | Int16Array | Uint8Array): AudioFrame[] {
    const pcm = this.#samplesOf(audio);
    if (this.#beganUs === undefined) this.#beganUs = "timestampUs" in audio ? audio.timestampUs : 0;
    return this.#wrap(loadBinding().resamplerPush(this.#resampler, pcm));
  }

  /** Gives what was held back: no frame or one. What is pushed afterwards begins anew. */
  flush(): AudioFrame[] {
    const frames = this.#wrap(loadBinding().resamplerFlush(this.#resampler));
    this.#beganUs = undefined;
    this.#given = 0;
    return frames;
  }

  #samplesOf(audio: AudioFrame | Int16Array | Uint8Array): Int16Array {
    if (audio instanceof Int16Array || audio instanceof Uint8Array) {
      const pcm = pcmOf(audio);
      requirePcm(pcm, this.channels);
      return pcm;
    }
    if (typeof audio !== "object" || audio === null)
      throw TroupeError.expected("INVALID_AUDIO", "audio", "a frame, an Int16Array or a Uint8Array", audio);
    requireFormat(audio, this.inputRate, this.channels);
    return audio.pcm;
  }

  #wrap(pcm: Int16Array): AudioFrame[] {
    if (pcm.length === 0) return [];
    const { outputRate: sampleRate, channels } = this;
    const timestampUs = (this.#beganUs ?? 0) + (this.#given * 1_000_000) / sampleRate;
    this.#given += pcm.length / channels;
    return [createFrame(pcm, { sampleRate, channels, timestampUs })];
  }
}
