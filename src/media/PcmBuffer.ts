/** The newest samples up to a bound, interleaved; what no longer fits pushes the oldest out and is counted. */
export class PcmBuffer {
  readonly #samples: Int16Array;
  readonly #channels: number;
  #start = 0;
  #length = 0;
  /** Samples per channel that were pushed out. */
  dropped = 0;

  constructor(samplesPerChannel: number, channels: number) {
    this.#samples = new Int16Array(samplesPerChannel * channels);
    this.#channels = channels;
  }

  /** Samples per channel that it holds at most. */
  get capacity(): number {
    return this.#samples.length / this.#channels;
  }

  /** Samples per channel that it holds. */
  get length(): number {
    return this.#length / this.#channels;
  }

  push(pcm: Int16Array): void {
    const capacity = this.#samples.length;
    const kept = pcm.length > capacity ? pcm.subarray(pcm.length - capacity) : pcm;
    const excess = Math.max(0, this.#length + kept.length - capacity);
    this.#start = (this.#start + excess) % capacity;
    this.#length += kept.length - excess;
    this.dropped += (excess + pcm.length - kept.length) / this.#channels;
    const end = (this.#start + this.#length - kept.length) % capacity;
    const head = Math.min(kept.length, capacity - end);
    this.#samples.set(kept.subarray(0, head), end);
    this.#samples.set(kept.subarray(head), 0);
  }

  /** Takes the oldest `samplesPerChannel` out, which must be there. */
  take(samplesPerChannel: number): Int16Array {
    const count = samplesPerChannel * this.#channels;
    const out = new Int16Array(count);
    const head = Math.min(count, this.#samples.length - this.#start);
    out.set(this.#samples.subarray(this.#start, this.#start + head));
    out.set(this.#samples.subarray(0, count - head), head);
    this.#start = (this.#start + count) % this.#samples.length;
    this.#length -= count;
    return out;
  }
}
