/** How long a peak is remembered at least; twice as long at most. */
const MEMORY_US = 10_000_000;

/** The highest of what was noted within the last ten to twenty seconds; never less than 0 before it has seen so much. */
export class RecentPeak {
  #before = 0;
  #current = Number.NEGATIVE_INFINITY;
  #sinceUs: number;

  constructor(nowUs: number) {
    this.#sinceUs = nowUs;
  }

  note(value: number, nowUs: number): void {
    this.#pass(nowUs);
    this.#current = Math.max(this.#current, value);
  }

  at(nowUs: number): number {
    this.#pass(nowUs);
    return Math.max(this.#before, this.#current);
  }

  /** What was noted would have been so much more, had things been as they are now. */
  shift(by: number): void {
    this.#before += by;
    this.#current += by;
  }

  #pass(nowUs: number): void {
    if (nowUs - this.#sinceUs < MEMORY_US) return;
    this.#before = this.#current;
    this.#current = Number.NEGATIVE_INFINITY;
    this.#sinceUs = nowUs;
  }
}
