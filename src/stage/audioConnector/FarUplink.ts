/** Frames of 20 ms that the far side has to send, silence where there is nothing. */
export class FarUplink {
  readonly #frameBytes: number;
  readonly #silence: Buffer;
  #queue: Buffer[] = [];
  #waiters: (() => void)[] = [];

  #isQuiet: boolean;

  /** @param isQuiet whether silence waits for the first sound. */
  constructor(frameBytes: number, isQuiet: boolean) {
    this.#frameBytes = frameBytes;
    this.#isQuiet = isQuiet;
    this.#silence = Buffer.alloc(frameBytes);
  }

  /** Copies; the last frame is filled up with silence. */
  push(pcm: Buffer): void {
    this.#isQuiet = false;
    for (let at = 0; at < pcm.length; at += this.#frameBytes) {
      const frame = Buffer.alloc(this.#frameBytes);
      pcm.copy(frame, 0, at, at + this.#frameBytes);
      this.#queue.push(frame);
    }
  }

  /** The next frame; when there is none, silence or nothing. */
  take(): Buffer | undefined {
    const frame = this.#queue.shift();
    if (this.#queue.length === 0) this.#tell();
    return frame ?? (this.#isQuiet ? undefined : this.#silence);
  }

  /** Resolves once nothing waits. */
  drained(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    return promise;
  }

  stop(): void {
    this.#queue = [];
    this.#tell();
  }

  #tell(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
