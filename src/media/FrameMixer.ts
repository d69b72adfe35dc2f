import { z } from "zod";
import { logger, parseOptions, TroupeError } from "../core/index.ts";
import { loadBinding, type NativeObject } from "../native/index.ts";
import { type AudioFrame, createFrame, remixFrame } from "./AudioFrame.ts";
import { AudioResampler } from "./AudioResampler.ts";

const wholeSchema = (minimum: number, maximum: number) => {
  const error = `a whole number from ${minimum} to ${maximum}`;
  return z.int({ error }).min(minimum, { error }).max(maximum, { error });
};

const optionsSchema = z.object({
  sampleRate: wholeSchema(8_000, 192_000).default(48_000),
  channels: wholeSchema(1, 8).default(1),
  blockSize: wholeSchema(0, 1_920_000).default(0),
  streamTimeoutMs: wholeSchema(0, 3_600_000).default(100),
  capacity: wholeSchema(1, 100_000).default(100),
});

const gainSchema = z
  .number({ error: "a number from 0 to 16" })
  .min(0, { error: "a number from 0 to 16" })
  .max(16, { error: "a number from 0 to 16" });

/** How a frame mixer is made. */
export interface FrameMixerOptions {
  /** Hz; 48000 when left out. */
  sampleRate?: number;
  /** 1 when left out. */
  channels?: number;
  /** Samples per channel of each frame given; 0, as when left out, for 100 ms. */
  blockSize?: number;
  /** How long a block waits for each stream, in ms; 100 when left out. */
  streamTimeoutMs?: number;
  /** Frames that wait to be read at most; 100 when left out. Then mixing waits. */
  capacity?: number;
}

/** A stream of frames to mix. */
export type FrameStream = AsyncIterable<AudioFrame> | AsyncIterator<AudioFrame>;

/**
 * Mixes streams of frames at the pace of whoever reads it, so that it works on files as on live audio. A stream that
 * is late for a block is padded with silence and stays; one that ends leaves by itself. Rates and channels are
 * converted, and what is too loud is limited. While no stream has anything there is no frame.
 *
 * @example
 * const mixer = new FrameMixer({ sampleRate: 48_000 });
 * mixer.addStream(voice);
 * mixer.addStream(music, { gain: 0.2 });
 * mixer.endInput();
 * for await (const frame of mixer) await writeToFile(frame);
 */
export class FrameMixer implements AsyncIterableIterator<AudioFrame> {
  readonly sampleRate: number;
  readonly channels: number;
  readonly blockSize: number;
  readonly #streamTimeoutMs: number;
  readonly #capacity: number;
  readonly #limiter: NativeObject;
  readonly #inputs = new Map<FrameStream, Input>();
  readonly #sums: Int32Array;
  #frames: AudioFrame[] = [];
  readonly #readers: ((result: IteratorResult<AudioFrame>) => void)[] = [];
  #ending = false;
  #ended = false;
  #given = 0;
  /** Resolves what the mixing loop waits for: a stream to mix, or room for a frame. */
  #wake: (() => void) | undefined;

  constructor(options: FrameMixerOptions = {}) {
    const checked = parseOptions(optionsSchema, options, "FrameMixer");
    this.sampleRate = checked.sampleRate;
    this.channels = checked.channels;
    this.blockSize = checked.blockSize || Math.floor(checked.sampleRate / 10);
    this.#streamTimeoutMs = checked.streamTimeoutMs;
    this.#capacity = checked.capacity;
    this.#sums = new Int32Array(this.blockSize * this.channels);
    this.#limiter = loadBinding().limiterCreate({ sampleRate: this.sampleRate, channels: this.channels });
    void this.#run();
  }

  /**
   * Adds a stream at a linear gain (1 when left out); one that is in the mix already stays as it is.
   *
   * @throws TroupeError INVALID_STATE after {@link endInput} or {@link close}.
   */
  addStream(stream: FrameStream, options: { gain?: number } = {}): void {
    if (this.#ending)
      throw new TroupeError("INVALID_STATE", "The mixer takes no more streams: its input has ended");
    const gain = parseOptions(gainSchema, options.gain ?? 1, "gain");
    if (!this.#inputs.has(stream)) this.#inputs.set(stream, new Input(stream, gain, this));
    this.#wake?.();
  }

  /** Takes a stream out with what is buffered of it; the stream itself stays its owner's. */
  removeStream(stream: FrameStream): void {
    this.#inputs.get(stream)?.stopWaiting();
    this.#inputs.delete(stream);
    this.#wake?.();
  }

  /** No more streams will come: the mixer ends once those that it has are drained. */
  endInput(): void {
    this.#ending = true;
    this.#wake?.();
  }

  /** Ends at once; frames that nobody has read are dropped. */
  close(): void {
    this.#ending = true;
    for (const input of this.#inputs.values()) input.stopWaiting();
    this.#inputs.clear();
    this.#frames = [];
    this.#end();
  }

  next(): Promise<IteratorResult<AudioFrame>> {
    const frame = this.#frames.shift();
    if (frame) {
      this.#wake?.();
      return Promise.resolve({ value: frame, done: false });
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<AudioFrame>> {
    this.close();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      if (this.#inputs.size === 0 && this.#ending) this.#end();
      else if (this.#inputs.size === 0 || this.#frames.length >= this.#capacity) await this.#waitForChange();
      else await this.#mixBlock();
    }
  }

  async #waitForChange(): Promise<void> {
    const change = Promise.withResolvers<void>();
    this.#wake = change.resolve;
    await change.promise;
    this.#wake = undefined;
  }

  async #mixBlock(): Promise<void> {
    const inputs = [...this.#inputs];
    await Promise.all(inputs.map(([, input]) => input.fill(this.blockSize, this.#streamTimeoutMs)));
    if (this.#ended) return;
    this.#sums.fill(0);
    let isHeard = false;
    for (const [stream, input] of inputs) {
      // One that was taken out meanwhile is not heard.
      if (this.#inputs.get(stream) !== input) continue;
      if (input.addTo(this.#sums)) isHeard = true;
      if (input.isDrained) this.#inputs.delete(stream);
    }
    if (isHeard) this.#give(loadBinding().limiterProcess(this.#limiter, this.#sums));
    // A stream that gives its silence without waiting must not keep the event loop for itself.
    else await new Promise((resolve) => setImmediate(resolve));
  }

  #give(pcm: Int16Array): void {
    const { sampleRate, channels } = this;
    const timestampUs = (this.#given * 1_000_000) / sampleRate;
    this.#given += this.blockSize;
    const frame = createFrame(pcm, { sampleRate, channels, timestampUs });
    const reader = this.#readers.shift();
    if (reader) reader({ value: frame, done: false });
    else this.#frames.push(frame);
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
    for (const reader of this.#readers.splice(0)) reader({ value: undefined, done: true });
  }
}

/** One stream of a mix, in the mix's own format. */
class Input {
  readonly #iterator: AsyncIterator<AudioFrame>;
  readonly #gain: number;
  readonly #mixer: { sampleRate: number; channels: number };
  #resampler: AudioResampler | undefined;
  #pieces: Int16Array[] = [];
  #length = 0;
  #isReading = false;
  #isLate = false;
  #exhausted = false;
  #isStopped = false;
  /** Ends the wait for the read that is under way. */
  #arrived: (() => void) | undefined;

  constructor(stream: FrameStream, gain: number, mixer: { sampleRate: number; channels: number }) {
    this.#iterator = Symbol.asyncIterator in stream ? stream[Symbol.asyncIterator]() : stream;
    this.#gain = gain;
    this.#mixer = mixer;
  }

  get isDrained(): boolean {
    return this.#exhausted && this.#length === 0;
  }

  /** Reads until it holds a block, the stream ends, or a frame does not come in time. */
  async fill(blockSize: number, timeoutMs: number): Promise<void> {
    while (this.#length < blockSize * this.#mixer.channels && !this.#exhausted && !this.#isStopped) {
      // A read that was too late for a block serves the next one.
      if (!this.#isReading) void this.#read();
      if (!(await this.#waitForRead(timeoutMs))) return;
    }
  }

  /** Ends the wait for a frame at once: it is out of the mix. */
  stopWaiting(): void {
    this.#isStopped = true;
    this.#arrived?.();
  }

  /** Adds what it has of a block, as long as `sums`; false when it had nothing. */
  addTo(sums: Int32Array): boolean {
    const wanted = Math.min(this.#length, sums.length);
    this.#length -= wanted;
    for (let at = 0; at < wanted; ) {
      const piece = this.#pieces[0]!;
      const count = Math.min(piece.length, wanted - at);
      for (let offset = 0; offset < count; offset++)
        sums[at + offset]! += Math.round(piece[offset]! * this.#gain);
      if (count === piece.length) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(count);
      at += count;
    }
    return wanted > 0;
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      const { value, done } = await this.#iterator.next();
      if (done) this.#finish();
      else this.#push(value);
      this.#isLate = false;
    } catch (error) {
      // A stream that fails has ended; the others go on.
      logger.warn("a stream of a mix failed", { error: TroupeError.from("INTERNAL", error).message });
      this.#finish();
    }
    this.#isReading = false;
    this.#arrived?.();
  }

  /** False when nothing came in time. */
  async #waitForRead(timeoutMs: number): Promise<boolean> {
    const arrival = Promise.withResolvers<boolean>();
    this.#arrived = () => arrival.resolve(true);
    const timer = setTimeout(() => arrival.resolve(false), timeoutMs);
    const isInTime = await arrival.promise;
    clearTimeout(timer);
    this.#arrived = undefined;
    if (!isInTime && !this.#isLate) logger.warn("a stream of a mix gave nothing in time", { timeoutMs });
    this.#isLate = !isInTime;
    return isInTime;
  }

  #push(frame: AudioFrame): void {
    const { sampleRate, channels } = this.#mixer;
    const remixed = remixFrame(frame, channels);
    if (this.#resampler && this.#resampler.inputRate !== frame.sampleRate) {
      this.#keep(this.#resampler.flush());
      this.#resampler = undefined;
    }
    if (frame.sampleRate === sampleRate) {
      // The frame may be a view that its producer uses again.
      this.#keep([{ ...remixed, pcm: remixed === frame ? frame.pcm.slice() : remixed.pcm }]);
      return;
    }
    this.#resampler ??= new AudioResampler({ inputRate: frame.sampleRate, outputRate: sampleRate, channels });
    this.#keep(this.#resampler.push(remixed));
  }

  #finish(): void {
    if (this.#resampler) this.#keep(this.#resampler.flush());
    this.#exhausted = true;
  }

  #keep(frames: readonly AudioFrame[]): void {
    for (const { pcm } of frames) {
      this.#pieces.push(pcm);
      this.#length += pcm.length;
    }
  }
}
