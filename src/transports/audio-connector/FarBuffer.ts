/** What the far side has of our audio and has not played yet, by our clock. Times are in microseconds. */
export class FarBuffer {
  #endsUs = 0;

  levelUs(nowUs: number): number {
    return Math.max(0, this.#endsUs - nowUs);
  }

  /** Audio of this length was sent. */
  add(nowUs: number, lengthUs: number): void {
    this.#endsUs = Math.max(this.#endsUs, nowUs) + lengthUs;
  }

  /** It has dropped everything. */
  clear(): void {
    this.#endsUs = 0;
  }
}
