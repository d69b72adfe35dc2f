import { ChunkCutter } from "./ChunkCutter.ts";
import { type SileroStream, VAD_CHUNK_SAMPLES, VAD_SAMPLE_RATE } from "./SileroWorker.ts";
import { type SpeechChange, SpeechGate, type SpeechGateOptions } from "./SpeechGate.ts";

/** What the detector tells. */
export interface SpeechDetectorListener {
  /** Of a chunk, and the time of its first sample. */
  judged(probability: number, timestampUs: number): void;
  changed(change: SpeechChange): void;
  /** A chunk was not judged. */
  failed(error: unknown): void;
}

/** Chunks that may wait for the model; what comes on top is dropped and counted. A second. */
const MAXIMUM_LAG_CHUNKS = 32;
/**
 * The longer the model has heard no speech, the later it notices some: by up to 100 ms after a few seconds, most of
 * all a word that begins without voice ("stop"). So it forgets the silence this often.
 */
const FORGETTING_MS = 2_000;
const CHUNK_US = (VAD_CHUNK_SAMPLES * 1_000_000) / VAD_SAMPLE_RATE;

/** Finds where speech starts and stops in PCM by the model's judgement of its chunks. */
export class SpeechDetector {
  readonly #stream: Pick<SileroStream, "analyze" | "reset">;
  readonly #gate: SpeechGate;
  readonly #listener: SpeechDetectorListener;
  readonly #cutter = new ChunkCutter(VAD_CHUNK_SAMPLES);
  #waiting = 0;
  /** How many of the chunks that wait came before the audio paused; 0 when it goes on. */
  #waitingBeforePause = 0;
  #droppedChunks = 0;
  /** How long it has heard nothing since it last forgot. */
  #quietUs = 0;
  #closed = false;

  constructor(
    stream: Pick<SileroStream, "analyze" | "reset">,
    options: SpeechGateOptions,
    listener: SpeechDetectorListener,
  ) {
    this.#stream = stream;
    this.#gate = new SpeechGate(options);
    this.#listener = listener;
  }

  get speaking(): boolean {
    return this.#gate.speaking;
  }

  /** Audio that the model was too slow for, in milliseconds. */
  get droppedMs(): number {
    return (this.#droppedChunks * CHUNK_US) / 1000;
  }

  /** Takes mono PCM of any length; `timestampUs` is the time of its first sample. */
  push(pcm: Int16Array, timestampUs: number): void {
    this.#cutter.push(pcm, (chunk, end) => {
      const untilUs = timestampUs + (end * 1_000_000) / VAD_SAMPLE_RATE;
      if (this.#waiting >= MAXIMUM_LAG_CHUNKS) {
        this.#droppedChunks++;
        return;
      }
      this.#waiting++;
      this.#stream.analyze(chunk).then(
        (probability) => this.#judge(probability, untilUs - CHUNK_US, untilUs),
        (error: unknown) => this.#stumble(error),
      );
    });
  }

  /**
   * The audio pauses: what comes next does not join on. Speech ends with what was heard of it: a chunk that the model is
   * late with would start it anew.
   */
  pause(): void {
    this.#cutter.reset();
    if (this.#waiting === 0) this.#endSpeech();
    else this.#waitingBeforePause = this.#waiting;
  }

  /** Speech stops, and nothing more is told. */
  close(): void {
    if (this.#closed) return;
    this.#report(this.#gate.end());
    this.#closed = true;
  }

  #judge(probability: number, fromUs: number, untilUs: number): void {
    if (!this.#closed) {
      this.#listener.judged(probability, fromUs);
      const changes = this.#gate.push(probability, fromUs, untilUs);
      this.#quietUs = this.#gate.quiet ? this.#quietUs + CHUNK_US : 0;
      if (changes.at(-1)?.type === "stopped" || this.#quietUs >= FORGETTING_MS * 1000) this.#forget();
      this.#report(changes);
    }
    this.#settleChunk();
  }

  #stumble(error: unknown): void {
    if (!this.#closed) {
      this.#report(this.#gate.end());
      this.#listener.failed(error);
    }
    this.#settleChunk();
  }

  #settleChunk(): void {
    this.#waiting--;
    if (this.#waitingBeforePause === 0 || --this.#waitingBeforePause > 0) return;
    this.#endSpeech();
  }

  #endSpeech(): void {
    if (this.#closed) return;
    this.#report(this.#gate.end());
    this.#forget();
  }

  #forget(): void {
    this.#quietUs = 0;
    this.#stream.reset();
  }

  #report(changes: readonly SpeechChange[]): void {
    for (const change of changes) this.#listener.changed(change);
  }
}
