/** Over so long the frame that was least late tells where the far clock is. */
const WINDOW_US = 10_000_000;
/** In parts of one: no clock drifts more, so what moves by more is a pause of the far side or a stall. */
const LARGEST_DRIFT = 0.001;

/**
 * How far the far side's clock has run ahead of ours since the first frame, by the audio that it sends: 20 ms for each
 * 20 ms of its own. Steps of ten seconds; pauses in what it sends count for nothing.
 */
export class FarClock {
  #aheadUs = 0;
  #startUs: number | undefined;
  #windowStartUs = 0;
  #audioUs = 0;
  /** Of the window before: the most that its frames were ahead. */
  #before: number | undefined;
  #peak = Number.NEGATIVE_INFINITY;

  /** Less than 0 when it runs slow. */
  get aheadUs(): number {
    return this.#aheadUs;
  }

  /** Audio of this length came. */
  note(lengthUs: number, nowUs: number): void {
    if (this.#startUs === undefined) this.#startUs = this.#windowStartUs = nowUs;
    if (nowUs - this.#windowStartUs >= WINDOW_US) this.#endWindow(nowUs);
    this.#audioUs += lengthUs;
    this.#peak = Math.max(this.#peak, this.#audioUs - (nowUs - this.#startUs));
  }

  #endWindow(nowUs: number): void {
    const movedUs = this.#before === undefined ? 0 : this.#peak - this.#before;
    if (Math.abs(movedUs) <= LARGEST_DRIFT * (nowUs - this.#windowStartUs)) this.#aheadUs += movedUs;
    this.#before = this.#peak;
    this.#peak = Number.NEGATIVE_INFINITY;
    this.#windowStartUs = nowUs;
  }
}
