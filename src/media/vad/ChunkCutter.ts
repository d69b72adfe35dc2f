/** Cuts a stream of mono PCM of any frame length into chunks of a fixed length. */
export class ChunkCutter {
  readonly #chunk: Int16Array;
  #filled = 0;

  constructor(chunkSamples: number) {
    this.#chunk = new Int16Array(chunkSamples);
  }

  /**
   * Takes `pcm` and calls `emit` for each chunk that it completes. `end` is how many samples of `pcm` were used
   * up by then. The chunk is valid until `emit` returns.
   */
  push(pcm: Int16Array, emit: (chunk: Int16Array, end: number) => void): void {
    for (let at = 0; at < pcm.length; ) {
      const taken = Math.min(pcm.length - at, this.#chunk.length - this.#filled);
      this.#chunk.set(pcm.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled < this.#chunk.length) return;
      this.#filled = 0;
      emit(this.#chunk, at);
    }
  }

  reset(): void {
    this.#filled = 0;
  }
}
