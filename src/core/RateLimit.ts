/** A token bucket: `perSecond` on average, twice as many at once. */
export class RateLimit {
  readonly #perSecond: number;
  #tokens: number;
  #atMs = performance.now();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond * 2;
  }

  /** Takes one; false when there is none left. */
  take(nowMs = performance.now()): boolean {
    const refill = ((nowMs - this.#atMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond * 2, this.#tokens + refill);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
