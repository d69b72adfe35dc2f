/** What all streams of a room hold that nobody read yet, in bytes. */
export class UnreadBudget {
  readonly #maximum: number;
  #used = 0;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** False when there is no room for this many bytes; then nothing was taken. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#maximum) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
