import { type FileHandle, open } from "node:fs/promises";
import PQueue from "p-queue";
import { z } from "zod";
import { type Clock, parseOptions, systemClock, TroupeError, TypedEvents } from "../core/index.ts";
import type { Engine } from "../native/index.ts";
import type { AudioFrame } from "./AudioFrame.ts";
import { AudioSink } from "./AudioSink.ts";
import { sampleRateSchema } from "./format.ts";
import { type AudioProducer, requireProducer } from "./producer.ts";
import { RecordingWindow } from "./RecordingWindow.ts";
import { WAV_HEADER_BYTES, WAV_MAXIMUM_DATA_BYTES, wavHeader } from "./wav.ts";

/** What waits for a slow disk at most, in bytes; more is replaced by silence and counted. */
const MAXIMUM_PENDING_BYTES = 8 * 1024 * 1024;
/** A recording outlives any reconnect: its channel is silent meanwhile. */
const DETACHED_MS = 3_600_000;
const MAXIMUM_TRACKS = 32;

const optionsSchema = z.object({
  path: z.string({ error: "a file path" }).min(1, { error: "a file path" }),
  tracks: z
    .array(z.any())
    .min(1, { error: `1 to ${MAXIMUM_TRACKS} tracks` })
    .max(MAXIMUM_TRACKS, { error: `1 to ${MAXIMUM_TRACKS} tracks` }),
  sampleRate: sampleRateSchema.default(48_000),
});

/** How a recorder is made. */
export interface RecorderOptions {
  /** The WAV file; an older one is overwritten. */
  path: string;
  /** One channel of the file each, in this order. */
  tracks: AudioProducer[];
  /** Hz; 48000 when left out. */
  sampleRate?: number;
}

/** What a {@link Recorder} reports. */
export type RecorderEvents = {
  /** The file can not be written any more; `close` will throw the same. */
  failed: [error: TroupeError];
};

/**
 * Records tracks, sources and mixers to one WAV file: 16 bits, one channel per track, aligned by the time of their
 * frames, with silence where a track has nothing. File work never blocks the event loop.
 *
 * @example
 * await using recorder = new Recorder({ path: "call.wav", tracks: [caller, botSource] });
 */
export class Recorder extends TypedEvents<RecorderEvents> {
  readonly path: string;
  readonly sampleRate: number;
  /** Process-monotonic time of the file's first sample, in microseconds: for timelines. */
  readonly startedAtUs: number;
  readonly #channels: number;
  readonly #sinks: AudioSink[];
  readonly #window: RecordingWindow;
  readonly #work = new PQueue({ concurrency: 1 });
  #file: FileHandle | undefined;
  #dataBytes = 0;
  #pendingBytes = 0;
  #droppedBytes = 0;
  #error: TroupeError | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: RecorderOptions,
    { engine, clock = systemClock }: { engine?: Pick<Engine, "createSink">; clock?: Clock } = {},
  ) {
    super();
    const { path, tracks, sampleRate } = parseOptions(optionsSchema, options, "Recorder");
    // All of them first: a sink on the first would outlive the refusal of the second.
    for (const [at, track] of (tracks as AudioProducer[]).entries())
      requireProducer(track, `Recorder.tracks.${at}`);
    this.path = path;
    this.sampleRate = sampleRate;
    this.startedAtUs = clock.nowUs();
    this.#channels = tracks.length;
    this.#window = new RecordingWindow(sampleRate, tracks.length, (piece) => this.#append(piece));
    this.#sinks = (tracks as AudioProducer[]).map((track, channel) => this.#tap(track, channel, engine));
    this.#enqueue(() => this.#open());
  }

  /** How much of the file there is so far, in milliseconds. */
  get durationMs(): number {
    return (this.#dataBytes * 1000) / (2 * this.#channels * this.sampleRate);
  }

  /** What a slow disk cost, in milliseconds of silence in the file. */
  get droppedMs(): number {
    return (this.#droppedBytes * 1000) / (2 * this.#channels * this.sampleRate);
  }

  /**
   * Ends the recording and the file.
   *
   * @throws TroupeError INTERNAL when the file could not be written.
   */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tap(track: AudioProducer, channel: number, engine: Pick<Engine, "createSink"> | undefined): AudioSink {
    const options = { sampleRate: this.sampleRate, channels: 1, detachedMs: DETACHED_MS };
    const sink = new AudioSink(track, options, { engine });
    sink.on("frame", (frame) => this.#lay(channel, frame));
    return sink;
  }

  #lay(channel: number, frame: AudioFrame): void {
    const position = Math.round(((frame.timestampUs - this.startedAtUs) * this.sampleRate) / 1_000_000);
    this.#window.push(channel, position, frame.pcm);
  }

  #append(piece: Int16Array): void {
    const at = this.#dataBytes;
    if (this.#error || at + piece.byteLength > WAV_MAXIMUM_DATA_BYTES) return;
    this.#dataBytes += piece.byteLength;
    if (this.#pendingBytes + piece.byteLength > MAXIMUM_PENDING_BYTES) {
      // The file has a hole there, which reads as silence.
      this.#droppedBytes += piece.byteLength;
      return;
    }
    this.#pendingBytes += piece.byteLength;
    this.#enqueue(async () => {
      const bytes = new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
      await this.#file?.write(bytes, 0, bytes.length, WAV_HEADER_BYTES + at);
      this.#pendingBytes -= piece.byteLength;
    });
  }

  async #open(): Promise<void> {
    this.#file = await open(this.path, "w");
    await this.#writeHeader();
  }

  async #writeHeader(): Promise<void> {
    const { sampleRate } = this;
    const header = wavHeader({ sampleRate, channels: this.#channels, dataBytes: this.#dataBytes });
    await this.#file?.write(header, 0, header.length, 0);
  }

  async #finish(): Promise<void> {
    for (const sink of this.#sinks) sink.close();
    this.#window.finish();
    this.#enqueue(async () => {
      await this.#writeHeader();
      await this.#file?.truncate(WAV_HEADER_BYTES + this.#dataBytes);
    });
    await this.#work.onIdle();
    await this.#file?.close().catch((error) => this.#fail(error));
    if (this.#error) throw this.#error;
  }

  #enqueue(work: () => Promise<void>): void {
    const guarded = async () => {
      if (!this.#error) await work().catch((error) => this.#fail(error));
    };
    void this.#work.add(guarded);
  }

  #fail(cause: unknown): void {
    const error = TroupeError.from("INTERNAL", cause, `The recording ${this.path} can not be written`);
    this.#error = error;
    for (const sink of this.#sinks) sink.close();
    this.emit("failed", error);
  }
}
