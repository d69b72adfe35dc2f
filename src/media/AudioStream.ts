import { type AudioFrame, copyFrame } from "./AudioFrame.ts";

/**
 * The frames of a sink as an async iterator. A reader that is slower than the audio loses the oldest frames, which
 * are counted; the frames that it gets are its own.
 *
 * @example
 * for await (const frame of sink) await recognizer.write(frame);
 */
export class AudioStream implements AsyncIterableIterator<AudioFrame> {
  readonly #capacity: number;
  readonly #onReturn: (stream: AudioStream) => void;
  #frames: AudioFrame[] = [];
  #readers: ((result: IteratorResult<AudioFrame>) => void)[] = [];
  #ended = false;
  #dropped = 0;

  /** For AudioSink. `capacity` is the number of frames that wait at most, 0 for any number. */
  constructor(capacity: number, onReturn: (stream: AudioStream) => void) {
    this.#capacity = capacity;
    this.#onReturn = onReturn;
  }

  /** Frames that the reader was too slow for. */
  get dropped(): number {
    return this.#dropped;
  }

  /** For AudioSink. */
  push(frame: AudioFrame): void {
    const reader = this.#readers.shift();
    const copy = copyFrame(frame);
    if (reader) {
      reader({ value: copy, done: false });
      return;
    }
    this.#frames.push(copy);
    if (this.#capacity === 0 || this.#frames.length <= this.#capacity) return;
    this.#frames.shift();
    this.#dropped += 1;
  }

  /** For AudioSink: what is queued can still be read, then the iteration ends. */
  end(): void {
    this.#ended = true;
    for (const reader of this.#readers.splice(0)) reader({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<AudioFrame>> {
    const frame = this.#frames.shift();
    if (frame) return Promise.resolve({ value: frame, done: false });
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<AudioFrame>> {
    this.#frames = [];
    this.end();
    this.#onReturn(this);
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
