/** What may wait: five minutes. */
export const MAXIMUM_QUEUED_FRAMES = 15_000;
/** For how many frames a sound that goes on is waited for. */
const LONGEST_WAIT_FRAMES = 25;

/**
 * Frames of 20 ms that the far side has to send, silence where there is nothing. Where a sound is late because this
 * process was, what was due goes out behind it: a telephone does not cut words.
 */
export class FarUplink {
  /** Frames that found no room. */
  droppedFrames = 0;
  readonly #frameBytes: number;
  readonly #silence: Buffer;
  #queue: Buffer[] = [];
  #waiters: (() => void)[] = [];
  #isQuiet: boolean;
  /** Frames that were due and late. */
  #owed = 0;

  /** @param isQuiet whether silence waits for the first sound. */
  constructor(frameBytes: number, isQuiet: boolean) {
    this.#frameBytes = frameBytes;
    this.#isQuiet = isQuiet;
    this.#silence = Buffer.alloc(frameBytes);
  }

  /** Copies; the last frame is filled up with silence. What does not find room is dropped. */
  push(pcm: Buffer): void {
    this.#isQuiet = false;
    for (let at = 0; at < pcm.length; at += this.#frameBytes) {
      if (this.#queue.length >= MAXIMUM_QUEUED_FRAMES) {
        this.droppedFrames += Math.ceil((pcm.length - at) / this.#frameBytes);
        return;
      }
      const frame = Buffer.alloc(this.#frameBytes);
      pcm.copy(frame, 0, at, at + this.#frameBytes);
      this.#queue.push(frame);
    }
  }

  /**
   * What is due now: the next frame; when there is none, silence or nothing.
   *
   * @param isSounding whether what is said goes on, so that its next frame is late when there is none.
   */
  take(isSounding: boolean): Buffer[] {
    if (!isSounding) this.#owed = 0;
    const due = this.#queue.splice(0, this.#owed + 1);
    if (this.#queue.length === 0) this.#tell();
    if (due.length > 0) {
      this.#owed -= due.length - 1;
      return due;
    }
    if (isSounding && this.#owed < LONGEST_WAIT_FRAMES) {
      this.#owed += 1;
      return [];
    }
    return this.#isQuiet ? [] : [this.#silence];
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
