import { stretched } from "./samples.ts";

/** Makes frames longer or shorter by a sample, and cuts what comes of it into whole frames again. */
export class FrameStretcher {
  /** What is less than a frame and waits for the next one. */
  #rest = new Int16Array(0);

  /** The frames that are whole now: one; or none or two, once a frame's worth was taken out or put in. */
  push(pcm: Int16Array, bySamples: -1 | 0 | 1): Int16Array[] {
    if (bySamples === 0 && this.#rest.length === 0) return [pcm];
    const next = bySamples === 0 ? pcm : stretched(pcm, bySamples);
    const all = new Int16Array(this.#rest.length + next.length);
    all.set(this.#rest);
    all.set(next, this.#rest.length);
    const frames: Int16Array[] = [];
    let at = 0;
    for (; at + pcm.length <= all.length; at += pcm.length) frames.push(all.subarray(at, at + pcm.length));
    this.#rest = all.slice(at);
    return frames;
  }

  /** What waits belongs to a sound that is over. */
  clear(): void {
    this.#rest = new Int16Array(0);
  }
}
