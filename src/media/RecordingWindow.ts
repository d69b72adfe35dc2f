/** Frames whose time differs by less than this from where the last one ended join it without gap or overlap. */
const TOLERANCE_MS = 15;
/** How long a channel may lag behind the others before it counts as silent. */
const LAG_MS = 500;
/** Frames may be as late as this when the event loop stalls: time alone makes silence only behind it. */
const ADVANCE_LAG_MS = 1_500;
/** Pieces are given out from this length on. */
const PIECE_MS = 250;

/**
 * Lays the frames of several channels beside each other by their time and gives out interleaved pieces, with silence
 * where a channel has nothing. Positions are samples since the start of the recording.
 */
export class RecordingWindow {
  readonly #channels: number;
  readonly #perMs: number;
  /** Interleaved; a frame later than what it holds moves it on. */
  readonly #samples: Int16Array;
  /** Per channel: where its last frame ended; the first one is laid just where its time says. */
  readonly #ends: number[];
  readonly #emit: (piece: Int16Array) => void;
  readonly #emitSilence: (samplesPerChannel: number) => void;
  #base = 0;
  /** Samples that came after their piece had been given out. */
  late = 0;

  constructor(
    sampleRate: number,
    channels: number,
    emit: (piece: Int16Array) => void,
    emitSilence: (samplesPerChannel: number) => void,
  ) {
    this.#channels = channels;
    this.#perMs = sampleRate / 1000;
    this.#samples = new Int16Array((LAG_MS + 2 * PIECE_MS) * this.#perMs * channels);
    this.#ends = new Array<number>(channels).fill(Number.NEGATIVE_INFINITY);
    this.#emit = emit;
    this.#emitSilence = emitSilence;
  }

  /** Mono samples of one channel, whose first belongs at `position`. */
  push(channel: number, position: number, pcm: Int16Array): void {
    const end = this.#ends[channel]!;
    let at = Math.abs(position - end) <= TOLERANCE_MS * this.#perMs ? end : position;
    let rest = pcm;
    if (at < this.#base) {
      const lost = Math.min(rest.length, this.#base - at);
      this.late += lost;
      rest = rest.subarray(lost);
      at += lost;
    }
    for (
      let piece = this.#put(channel, at, rest);
      piece < rest.length;
      piece = this.#put(channel, at, rest)
    ) {
      rest = rest.subarray(piece);
      at += piece;
      this.#giveOut(at - LAG_MS * this.#perMs);
    }
    this.#giveOutReady();
  }

  /** Time has come to `position`: what no channel has said anything about for long was silence. */
  advance(position: number): void {
    const ready = Math.floor(position - ADVANCE_LAG_MS * this.#perMs);
    if (ready - this.#base >= PIECE_MS * this.#perMs) this.#giveOut(ready);
  }

  /** Gives out all that is there, and silence up to `position` if that is later. */
  finish(position = 0): void {
    this.#giveOut(Math.max(Math.floor(position), ...this.#ends));
  }

  /** Writes what lies within the window; gives how many samples that was. */
  #put(channel: number, position: number, pcm: Int16Array): number {
    const capacity = this.#samples.length / this.#channels;
    if (position - this.#base >= capacity) this.#giveOut(position - LAG_MS * this.#perMs);
    const offset = position - this.#base;
    const count = Math.min(pcm.length, capacity - offset);
    for (let at = 0; at < count; at++) this.#samples[(offset + at) * this.#channels + channel] = pcm[at]!;
    this.#ends[channel] = Math.max(this.#ends[channel]!, position + count);
    return count;
  }

  #giveOutReady(): void {
    const ready = Math.max(Math.min(...this.#ends), Math.max(...this.#ends) - LAG_MS * this.#perMs);
    if (ready - this.#base >= PIECE_MS * this.#perMs) this.#giveOut(ready);
  }

  /** Gives out all before `position`; silence where the window holds nothing. */
  #giveOut(position: number): void {
    const capacity = this.#samples.length / this.#channels;
    while (this.#base < position) {
      if (Math.max(...this.#ends) <= this.#base) {
        this.#emitSilence(position - this.#base);
        this.#base = position;
        return;
      }
      const count = Math.min(capacity, Math.floor(position - this.#base));
      if (count === 0) return;
      const length = count * this.#channels;
      this.#emit(this.#samples.slice(0, length));
      this.#samples.copyWithin(0, length);
      this.#samples.fill(0, this.#samples.length - length);
      this.#base += count;
    }
  }
}
