import { z } from "zod";
import { logger, parseOptions, TroupeError, TypedEvents } from "../core/index.ts";
import type { EngineProducer } from "../native/index.ts";
import { type AudioFrame, copyFrame } from "./AudioFrame.ts";
import { AudioSink } from "./AudioSink.ts";
import { AudioSource } from "./AudioSource.ts";
import { channelsSchema, durationSchema, sampleRateSchema } from "./format.ts";
import { type AudioProducer, type ProducerEvents, requireProducer } from "./producer.ts";
import { TransformThread, transformFault } from "./TransformThread.ts";

const optionsSchema = z.object({
  sampleRate: sampleRateSchema.default(48_000),
  channels: channelsSchema.default(1),
  frameMs: durationSchema(10, 100).multipleOf(10, { error: "a multiple of 10" }).default(10),
  delayMs: durationSchema(0, 1_000).default(20),
  options: z.unknown().optional(),
});

/**
 * What changes frames: a function, on the event loop, for work of microseconds; or the address of a module, run in a
 * thread of its own, that exports `createTransform(options)`, which gives such a function. It changes the frame's
 * samples in place, or gives others of the same length.
 */
export type AudioTransform = ((frame: AudioFrame) => Int16Array | undefined) | URL;

/** How audio is transformed. */
export interface TransformedAudioOptions {
  /** Hz of the frames and of what comes of them; 48000 when left out. */
  sampleRate?: number;
  /** 1 or 2; 1 when left out. */
  channels?: number;
  /** Length of a frame in ms, a multiple of 10; 10 when left out. */
  frameMs?: number;
  /** How late the outcome is, in ms, so that an event loop that is busy for a moment leaves no gap; 20 when left out. */
  delayMs?: number;
  /** For a module's `createTransform`; it is cloned into the thread. */
  options?: unknown;
}

/** What a {@link TransformedAudio} reports. */
export type TransformedAudioEvents = {
  /** A frame, or from now on every frame, passes unchanged. Reported once until it works again. */
  failed: [error: TroupeError];
};

/**
 * A track, source or mixer through a filter that you wrote. It runs while somebody listens. Vendors' libraries and
 * the engine's own processing belong into FilteredAudio, which does not cross into JavaScript.
 *
 * @example
 * const robot = new TransformedAudio(track, new URL("./robot.js", import.meta.url), { options: { pitch: 0.8 } });
 * connection.publish(robot);
 */
export class TransformedAudio extends TypedEvents<TransformedAudioEvents> implements AudioProducer {
  readonly #producer: AudioProducer;
  readonly #transform: AudioTransform;
  readonly #options: z.output<typeof optionsSchema>;
  readonly #source: AudioSource;
  #sink: AudioSink | undefined;
  #thread: TransformThread | undefined;
  #consumers = 0;
  #isFailing = false;
  #passed = 0;
  #closed = false;

  constructor(producer: AudioProducer, transform: AudioTransform, options: TransformedAudioOptions = {}) {
    super();
    this.#producer = requireProducer(producer, "producer");
    if (typeof transform !== "function" && !(transform instanceof URL))
      throw TroupeError.expected(
        "INVALID_OPTION",
        "transform",
        "a function or the URL of a module",
        transform,
      );
    this.#transform = transform;
    this.#options = parseOptions(optionsSchema, options, "TransformedAudio");
    const { sampleRate, channels } = this.#options;
    this.#source = new AudioSource({ sampleRate, channels });
  }

  get producer(): EngineProducer | null {
    return this.#source.producer;
  }

  get producerEnded(): boolean {
    return this.#source.producerEnded;
  }

  get producerEvents(): TypedEvents<ProducerEvents> {
    return this.#source.producerEvents;
  }

  /** Frames that passed unchanged, since the transform failed or was too slow. */
  get passedFrames(): number {
    return this.#passed;
  }

  addConsumer(): () => void {
    const release = this.#source.addConsumer();
    this.#consumers += 1;
    if (this.#consumers === 1) this.#start();
    let isConsuming = true;
    return () => {
      if (!isConsuming) return;
      isConsuming = false;
      this.#consumers -= 1;
      if (this.#consumers === 0) this.#stop();
      release();
    };
  }

  /** Ends it, not its producer. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stop();
    this.#source.close();
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #start(): void {
    if (this.#closed) return;
    const { sampleRate, channels, frameMs, options } = this.#options;
    if (this.#transform instanceof URL)
      this.#thread = new TransformThread(this.#transform, options, {
        transformed: (pcm) => {
          this.#isFailing = false;
          this.#give(pcm);
        },
        passed: (pcm) => this.#pass(pcm),
        error: (error) => this.#fail(error),
      });
    const sink = new AudioSink(this.#producer, { sampleRate, channels, frameMs });
    this.#sink = sink;
    sink.on("frame", (frame) => this.#take(frame));
    sink.on("closed", () => this.close());
  }

  #stop(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.removeAllListeners();
    sink?.close();
    this.#thread?.close();
    this.#thread = undefined;
  }

  #take(frame: AudioFrame): void {
    if (typeof this.#transform === "function") this.#give(this.#call(this.#transform, frame));
    else if (!this.#thread?.push(frame)) this.#pass(frame.pcm);
  }

  #pass(pcm: Int16Array): void {
    this.#passed += 1;
    this.#give(pcm);
  }

  #call(transform: (frame: AudioFrame) => Int16Array | undefined, frame: AudioFrame): Int16Array {
    const copy = copyFrame(frame);
    try {
      const pcm = transform(copy) ?? copy.pcm;
      const fault = transformFault(pcm, frame.pcm.length);
      if (fault) throw fault;
      this.#isFailing = false;
      return pcm;
    } catch (error) {
      this.#passed += 1;
      this.#fail(TroupeError.from("INTERNAL", error));
      return frame.pcm;
    }
  }

  #give(pcm: Int16Array): void {
    if (this.#closed) return;
    const { sampleRate, channels, delayMs } = this.#options;
    if (this.#source.queuedDurationMs === 0 && delayMs > 0)
      this.#source.tryWrite(new Int16Array(Math.round((delayMs * sampleRate) / 1000) * channels));
    this.#source.tryWrite(pcm);
  }

  #fail(error: TroupeError): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    logger.warn("a transform of audio failed: frames pass unchanged", { error: error.message });
    this.emit("failed", error);
  }
}
