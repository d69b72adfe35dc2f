import { z } from "zod";
import { parseOptions, TroupeError } from "../core/index.ts";
import { loadBinding, type NativeObject, type ProcessingOptions } from "../native/index.ts";
import { type AudioFrame, requirePcm } from "./AudioFrame.ts";

const flagSchema = z.boolean({ error: "true or false" }).default(false);

/** The flags of an audio processor. */
export const processingSchema = z.object({
  echoCancellation: flagSchema,
  noiseSuppression: flagSchema,
  gainControl: flagSchema,
  highPassFilter: flagSchema,
});

/** The delay of an echo, in ms. */
export const streamDelaySchema = z
  .int({ error: "a whole number of milliseconds from 0 to 500" })
  .min(0, { error: "a whole number of milliseconds from 0 to 500" })
  .max(500, { error: "a whole number of milliseconds from 0 to 500" });

/**
 * Echo cancellation, noise suppression, gain control and a high-pass filter, by the audio processing of libwebrtc.
 * Frames of exactly 10 ms are changed in place, on the calling thread (30 to 70 us each with everything on). For live audio in the
 * engine there is {@link FilteredAudio}.
 *
 * @example
 * const processor = new AudioProcessor({ echoCancellation: true, noiseSuppression: true });
 * processor.setStreamDelayMs(60);
 * processor.processReverseStream(played);
 * processor.processStream(heard);
 */
export class AudioProcessor {
  readonly options: Readonly<Required<ProcessingOptions>>;
  readonly #processor: NativeObject;

  /** Everything is off that is not asked for. */
  constructor(options: ProcessingOptions = {}) {
    this.options = parseOptions(processingSchema, options, "AudioProcessor");
    this.#processor = loadBinding().processorCreate(this.options);
  }

  /**
   * Processes what was heard, in place.
   *
   * @throws TroupeError INVALID_AUDIO unless it is 10 ms of one or two channels at 8 to 48 kHz.
   */
  processStream(frame: AudioFrame): void {
    requireTenMs(frame);
    loadBinding().processorProcess(this.#processor, frame.pcm, frame.sampleRate, frame.channels);
  }

  /**
   * Takes what will be played, before it is heard as an echo; it may be changed in place.
   *
   * @throws TroupeError INVALID_AUDIO unless it is 10 ms of one or two channels at 8 to 48 kHz.
   */
  processReverseStream(frame: AudioFrame): void {
    requireTenMs(frame);
    loadBinding().processorProcessReverse(this.#processor, frame.pcm, frame.sampleRate, frame.channels);
  }

  /**
   * How long it takes from a frame's way into `processReverseStream` until its echo goes into `processStream`:
   * (time played - time analyzed) + (time processed - time captured).
   *
   * @throws TroupeError INVALID_STATE without echo cancellation, INVALID_OPTION beyond 0 to 500 ms.
   */
  setStreamDelayMs(delayMs: number): void {
    if (!this.options.echoCancellation)
      throw new TroupeError("INVALID_STATE", "The stream delay is for echo cancellation, which is off");
    loadBinding().processorSetStreamDelay(
      this.#processor,
      parseOptions(streamDelaySchema, delayMs, "delayMs"),
    );
  }
}

function requireTenMs(frame: AudioFrame): void {
  const { sampleRate, channels, pcm } = frame;
  if (!(sampleRate >= 8_000 && sampleRate <= 48_000 && sampleRate % 100 === 0))
    throw TroupeError.expected(
      "INVALID_AUDIO",
      "frame.sampleRate",
      "hundreds from 8000 to 48000",
      sampleRate,
    );
  if (channels !== 1 && channels !== 2)
    throw TroupeError.expected("INVALID_AUDIO", "frame.channels", "1 or 2", channels);
  requirePcm(pcm, channels);
  const expected = (sampleRate / 100) * channels;
  if (pcm.length !== expected)
    throw TroupeError.expected("INVALID_AUDIO", "frame", `10 ms (${expected} samples)`, pcm.length);
}
