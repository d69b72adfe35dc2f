import PQueue from "p-queue";
import { z } from "zod";
import { type Clock, parseOptions, systemClock, TroupeError, TypedEvents } from "../core/index.ts";
import type { Engine } from "../native/index.ts";
import type { AudioFrame } from "./AudioFrame.ts";
import { AudioSink } from "./AudioSink.ts";
import { sampleRateSchema } from "./format.ts";
import { type AudioProducer, requireProducer } from "./producer.ts";
import { OggOpusFile, type RecordingFile, WavFile } from "./RecordingFile.ts";
import { RecordingWindow } from "./RecordingWindow.ts";

/** What waits for a slow disk at most, in bytes; more is replaced by silence and counted. */
const MAXIMUM_PENDING_BYTES = 8 * 1024 * 1024;
/** A recording outlives any reconnect: its channel is silent meanwhile. */
const DETACHED_MS = 3_600_000;
const MAXIMUM_TRACKS = 32;
/** How often time alone moves the recording on. */
const ADVANCE_MS = 500;
/** Of 0 to 10: speech gains nothing that anybody hears beyond it. */
const OPUS_COMPLEXITY = 5;

const bitRateError = "a number of bit/s from 6000 to 256000";

const optionsSchema = z.object({
  path: z.string({ error: "a file path" }).min(1, { error: "a file path" }),
  tracks: z
    .array(z.any())
    .min(1, { error: `1 to ${MAXIMUM_TRACKS} tracks` })
    .max(MAXIMUM_TRACKS, { error: `1 to ${MAXIMUM_TRACKS} tracks` }),
  sampleRate: sampleRateSchema.default(48_000),
  format: z.enum(["wav", "ogg"], { error: "wav or ogg" }).optional(),
  bitRate: z
    .number({ error: bitRateError })
    .min(6_000, { error: bitRateError })
    .max(256_000, { error: bitRateError })
    .default(32_000),
  startedAtUs: z.number({ error: "microseconds" }).nonnegative({ error: "microseconds" }).optional(),
});

/** How a recorder is made. */
export interface RecorderOptions {
  /** The file; an older one is overwritten. */
  path: string;
  /** One channel of the file each, in this order. */
  tracks: AudioProducer[];
  /** Hz; 48000 when left out. Ogg Opus takes all but 44100. */
  sampleRate?: number;
  /** 16-bit PCM or Ogg Opus; by the end of `path` (.ogg, .opus), else WAV, when left out. */
  format?: "wav" | "ogg";
  /** Of each track in Ogg Opus, in bit/s; 32000 when left out. */
  bitRate?: number;
  /**
   * Process-monotonic time of the first sample, in microseconds: now when left out. With a time that has passed the
   * file is silent up to now, so that several files that begin at different times have one time base.
   */
  startedAtUs?: number;
}

/** What a {@link Recorder} reports. */
export type RecorderEvents = {
  /** The file can not be written any more; `close` will throw the same. */
  failed: [error: TroupeError];
};

/**
 * Records tracks, sources and mixers to one file, WAV or Ogg Opus: one channel per track, aligned by the time of their
 * frames however long it takes, with silence where a track has nothing. Encoding and file work never block the event
 * loop. In Ogg Opus one track is mono, two play as left and right, and more are discrete channels.
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
  readonly #file: RecordingFile;
  readonly #clock: Clock;
  #timer: unknown;
  /** Samples per channel. */
  #length = 0;
  #dropped = 0;
  #pendingBytes = 0;
  #error: TroupeError | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: RecorderOptions,
    { engine, clock = systemClock }: { engine?: Pick<Engine, "createSink">; clock?: Clock } = {},
  ) {
    super();
    const checked = parseOptions(optionsSchema, options, "Recorder");
    const { path, tracks, sampleRate } = checked;
    // All of them first: a sink on the first would outlive the refusal of the second.
    for (const [at, track] of (tracks as AudioProducer[]).entries())
      requireProducer(track, `Recorder.tracks.${at}`);
    this.path = path;
    this.sampleRate = sampleRate;
    this.#clock = clock;
    this.startedAtUs = checked.startedAtUs ?? clock.nowUs();
    this.#channels = tracks.length;
    this.#file = createFile(checked, tracks.length);
    this.#window = new RecordingWindow(
      sampleRate,
      tracks.length,
      (piece) => this.#append(piece),
      (samples) => this.#appendSilence(samples),
    );
    this.#sinks = (tracks as AudioProducer[]).map((track, channel) => this.#tap(track, channel, engine));
    this.#enqueue(() => this.#file.open());
    this.#advance();
  }

  /** How much of the file there is so far, in milliseconds. */
  get durationMs(): number {
    return (this.#length * 1000) / this.sampleRate;
  }

  /**
   * What was heard but is silence in the file, in milliseconds: the file's time that a slow disk cost, and what came
   * too late for its place, summed over the tracks.
   */
  get droppedMs(): number {
    return ((this.#dropped + this.#window.late) * 1000) / this.sampleRate;
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
    this.#window.push(channel, Math.round(this.#positionOf(frame.timestampUs)), frame.pcm);
  }

  /** Samples per channel between the start and `timeUs`. */
  #positionOf(timeUs: number): number {
    return ((timeUs - this.startedAtUs) * this.sampleRate) / 1_000_000;
  }

  /** Silence has no frames: time moves the recording on. */
  #advance(): void {
    this.#window.advance(this.#positionOf(this.#clock.nowUs()));
    this.#timer = this.#clock.setTimeout(() => this.#advance(), ADVANCE_MS);
    // A recording alone does not keep the process alive.
    (this.#timer as Partial<NodeJS.Timeout> | undefined)?.unref?.();
  }

  #append(piece: Int16Array): void {
    const samples = piece.length / this.#channels;
    if (this.#pendingBytes + piece.byteLength > MAXIMUM_PENDING_BYTES) {
      this.#dropped += samples;
      this.#appendSilence(samples);
      return;
    }
    this.#length += samples;
    this.#pendingBytes += piece.byteLength;
    this.#enqueue(async () => {
      await this.#file.append(piece);
      this.#pendingBytes -= piece.byteLength;
    });
  }

  #appendSilence(samples: number): void {
    this.#length += samples;
    this.#enqueue(() => this.#file.appendSilence(samples));
  }

  async #finish(): Promise<void> {
    const endUs = this.#clock.nowUs();
    this.#stop();
    if (!this.#error) this.#window.finish(this.#positionOf(endUs));
    this.#enqueue(() => this.#file.finish());
    await this.#work.onIdle();
    await this.#file.abandon().catch((error) => this.#fail(error));
    if (this.#error) throw this.#error;
  }

  #stop(): void {
    this.#clock.clearTimeout(this.#timer);
    for (const sink of this.#sinks) sink.close();
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
    this.#stop();
    this.emit("failed", error);
  }
}

function createFile(options: z.output<typeof optionsSchema>, channels: number): RecordingFile {
  const { path, sampleRate, bitRate } = options;
  const format = options.format ?? (/\.(ogg|opus)$/i.test(path) ? "ogg" : "wav");
  if (format === "wav") return new WavFile({ path, sampleRate, channels });
  if (sampleRate === 44_100) {
    const expected = "8000, 12000, 16000, 24000 or 48000 Hz for Ogg Opus";
    throw TroupeError.expected("INVALID_OPTION", "Recorder.sampleRate", expected, sampleRate);
  }
  return new OggOpusFile({ path, sampleRate, channels }, { bitRate, complexity: OPUS_COMPLEXITY });
}
