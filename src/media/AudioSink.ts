import type { Actor } from "xstate";
import { z } from "zod";
import {
  type ActorClock,
  type SinkEvent,
  type SinkState,
  sinkMachine,
  startActor,
  watchActor,
} from "../actors/index.ts";
import { parseOptions, TroupeError, TypedEvents } from "../core/index.ts";
import { Engine, type EngineFrame, type EngineProducer, type EngineSink } from "../native/index.ts";
import type { NoiseCancellationOptions } from "./AudioFilter.ts";
import type { AudioFrame } from "./AudioFrame.ts";
import { AudioStream } from "./AudioStream.ts";
import { FilteredAudio } from "./FilteredAudio.ts";
import { durationSchema, sinkChannelsSchema, sinkRateSchema } from "./format.ts";
import { PcmBuffer } from "./PcmBuffer.ts";
import { type AudioProducer, followProducer, requireProducer } from "./producer.ts";

/** What a {@link AudioSink} reports. */
export type AudioSinkEvents = {
  /** Valid only until the listener returns: {@link copyFrame} what you keep. */
  frame: [frame: AudioFrame];
  state: [state: SinkState];
  /** Its producer ended or stayed away too long, or `close` was called. */
  closed: [reason: string];
};

const optionsSchema = z.object({
  sampleRate: sinkRateSchema.default(48_000),
  channels: sinkChannelsSchema.default(1),
  frameMs: durationSchema(10, 1_000).multipleOf(10, { error: "a multiple of 10" }).default(10),
  bufferMs: durationSchema(10, 60_000).default(1_000),
  detachedMs: durationSchema(0, 3_600_000).default(30_000),
  noiseCancellation: z
    .custom<NoiseCancellationOptions>((value) => typeof value === "object" && value !== null, {
      error: "an object with the moduleId of an AudioFilter",
    })
    .optional(),
});

const streamSchema = durationSchema(10, 60_000);
const capacitySchema = z
  .int({ error: "a whole number of frames, 0 for no bound" })
  .nonnegative({ error: "a whole number of frames, 0 for no bound" });
const timeoutSchema = durationSchema(0, 3_600_000);

/** How a sink is made. */
export interface AudioSinkOptions {
  /** Hz: any whole number from 8000 to 192000; 48000 when left out. The engine converts. */
  sampleRate?: number;
  /** 1 to 8; 1 when left out. Beyond stereo the first two carry it, and mono goes to all. */
  channels?: number;
  /** Length of a frame in ms, a multiple of 10; 10 when left out. */
  frameMs?: number;
  /** How much audio waits for `read` and for each iterator at most, in ms; 1000 when left out. */
  bufferMs?: number;
  /** How long it outlives its producer's absence (a reconnect), in ms; 30000 when left out. */
  detachedMs?: number;
  /** A vendor's {@link AudioFilter} that the audio goes through first. */
  noiseCancellation?: NoiseCancellationOptions;
}

interface Reader {
  samplesPerChannel: number;
  done: PromiseWithResolvers<AudioFrame | null>;
  timer: NodeJS.Timeout;
}

/**
 * Hears what a track, a source or a mixer plays: by events, by iteration, or by asking for samples. It follows
 * its track over reconnects, and closes when the track ends.
 *
 * @example
 * const sink = new AudioSink(track, { sampleRate: 16_000 });
 * for await (const frame of sink) console.log(frame.samplesPerChannel);
 */
export class AudioSink extends TypedEvents<AudioSinkEvents> implements AsyncIterable<AudioFrame> {
  readonly sampleRate: number;
  readonly channels: number;
  readonly frameMs: number;
  readonly #sink: EngineSink;
  /** Its own, between the producer and the sink. */
  readonly #filtered: FilteredAudio | undefined;
  readonly #actor: Actor<typeof sinkMachine>;
  readonly #buffer: PcmBuffer;
  readonly #bufferMs: number;
  readonly #streams = new Set<AudioStream>();
  readonly #readers: Reader[] = [];
  readonly #unfollow: () => void;
  #state: SinkState = "detached";
  #lastEndUs = 0;
  #closed = false;

  constructor(
    producer: AudioProducer,
    options: AudioSinkOptions = {},
    { engine = Engine.shared(), clock }: { engine?: Pick<Engine, "createSink">; clock?: ActorClock } = {},
  ) {
    super();
    const checked = parseOptions(optionsSchema, options, "AudioSink");
    requireProducer(producer, "producer");
    const { sampleRate, channels, frameMs, bufferMs, detachedMs, noiseCancellation } = checked;
    if (noiseCancellation) this.#filtered = new FilteredAudio(producer, { noiseCancellation });
    this.sampleRate = sampleRate;
    this.channels = channels;
    this.frameMs = frameMs;
    this.#bufferMs = bufferMs;
    this.#buffer = new PcmBuffer(Math.ceil((sampleRate * bufferMs) / 1000), channels);
    this.#sink = engine.createSink({ sampleRate, channels, frameMs });
    this.#sink.events.on("frame", (frame) => this.#onFrame(frame));
    this.#actor = startActor(sinkMachine, { id: "sink", input: { detachedMs }, clock });
    watchActor<{ value: SinkState; context: { reason: string } }>(
      this.#actor,
      ({ value, context }) => this.#follow(value, context.reason),
      () => this.#follow("closed", "internal error"),
    );
    this.#unfollow = followProducer(this.#filtered ?? producer, {
      changed: (engineProducer) => this.#bind(engineProducer),
      flow: (state) => this.#starve(state),
      ended: () => this.#send({ type: "ended" }),
    });
  }

  get state(): SinkState {
    return this.#state;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How much audio waits for `read`, in milliseconds. */
  get bufferedMs(): number {
    return (this.#buffer.length * 1000) / this.sampleRate;
  }

  /** How much audio nobody read in time, in milliseconds. */
  get droppedMs(): number {
    return (this.#buffer.dropped * 1000) / this.sampleRate;
  }

  /**
   * Takes exactly `samplesPerChannel` samples, or all there are when it is 0. Gives null, and takes nothing, when
   * they did not come within `timeoutMs` (1000 when left out).
   *
   * @throws TroupeError INVALID_OPTION when it asks for more than the sink buffers, CLOSED when the sink is closed
   * and holds too little.
   */
  async read(samplesPerChannel: number, options: { timeoutMs?: number } = {}): Promise<AudioFrame | null> {
    if (
      !Number.isInteger(samplesPerChannel) ||
      samplesPerChannel < 0 ||
      samplesPerChannel > this.#buffer.capacity
    ) {
      const expected = `a whole number from 0 to ${this.#buffer.capacity}`;
      throw TroupeError.expected("INVALID_OPTION", "samplesPerChannel", expected, samplesPerChannel);
    }
    const timeoutMs = parseOptions(timeoutSchema, options.timeoutMs ?? 1_000, "timeoutMs");
    const isFirst = this.#readers.length === 0;
    const wanted = samplesPerChannel === 0 ? this.#buffer.length : samplesPerChannel;
    if (isFirst && wanted > 0 && this.#buffer.length >= wanted) return this.#take(wanted);
    if (this.#closed) throw new TroupeError("CLOSED", "The sink is closed");
    return this.#waitForSamples(samplesPerChannel, timeoutMs);
  }

  /**
   * Its frames from now on; each stream has a queue of its own, of `bufferMs` or of `capacity` frames, that drops the
   * oldest when it is full. With a capacity of 0 it drops nothing, for readers that are sure to catch up.
   */
  stream(options: { bufferMs?: number; capacity?: number } = {}): AudioStream {
    const bufferMs = parseOptions(streamSchema, options.bufferMs ?? this.#bufferMs, "bufferMs");
    const bound = options.capacity ?? Math.max(1, Math.floor(bufferMs / this.frameMs));
    const frames = parseOptions(capacitySchema, bound, "capacity");
    const stream = new AudioStream(frames, (it) => this.#streams.delete(it));
    if (this.#closed) stream.end();
    else this.#streams.add(stream);
    return stream;
  }

  [Symbol.asyncIterator](): AudioStream {
    return this.stream();
  }

  close(): void {
    this.#send({ type: "close" });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #bind(producer: EngineProducer | null): void {
    this.#sink.bind(producer);
    this.#send({ type: producer ? "attached" : "detached" });
  }

  #starve(state: "flowing" | "stalled"): void {
    if (state === "stalled") this.#send({ type: "starved" });
  }

  #onFrame(frame: EngineFrame): void {
    if (this.#closed) return;
    // What loss concealment makes up does not count as flowing.
    if (this.#state !== "flowing" && !frame.concealed) this.#send({ type: "frame" });
    this.#buffer.push(frame.pcm);
    this.#lastEndUs = frame.timestampUs + (frame.samplesPerChannel * 1_000_000) / this.sampleRate;
    this.emit("frame", frame);
    for (const stream of this.#streams) stream.push(frame);
    this.#serveReaders();
  }

  #serveReaders(): void {
    for (let reader = this.#readers[0]; reader; reader = this.#readers[0]) {
      if (this.#buffer.length < Math.max(1, reader.samplesPerChannel)) return;
      this.#readers.shift();
      clearTimeout(reader.timer);
      reader.done.resolve(this.#take(reader.samplesPerChannel || this.#buffer.length));
    }
  }

  #take(samplesPerChannel: number): AudioFrame {
    const { sampleRate, channels } = this;
    const timestampUs = this.#lastEndUs - (this.#buffer.length * 1_000_000) / sampleRate;
    const pcm = this.#buffer.take(samplesPerChannel);
    return { pcm, sampleRate, channels, samplesPerChannel, timestampUs, concealed: false };
  }

  #waitForSamples(samplesPerChannel: number, timeoutMs: number): Promise<AudioFrame | null> {
    const done = Promise.withResolvers<AudioFrame | null>();
    const timer = setTimeout(() => {
      this.#readers.splice(this.#readers.indexOf(reader), 1);
      done.resolve(null);
      this.#serveReaders();
    }, timeoutMs);
    const reader: Reader = { samplesPerChannel, done, timer };
    this.#readers.push(reader);
    return done.promise;
  }

  #send(event: SinkEvent): void {
    if (!this.#closed) this.#actor.send(event);
  }

  #follow(state: SinkState, reason: string): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "closed") this.#shut();
    this.emit("state", state);
    if (state !== "closed") return;
    this.emit("closed", reason);
    this.removeAllListeners();
  }

  #shut(): void {
    this.#closed = true;
    this.#unfollow();
    this.#filtered?.close();
    this.#sink.close();
    this.#sink.events.removeAllListeners();
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
    for (const { done, timer } of this.#readers.splice(0)) {
      clearTimeout(timer);
      done.reject(new TroupeError("CLOSED", "The sink was closed"));
    }
  }
}
