import { TroupeError, TypedEvents } from "../core/index.ts";
import type { EngineFrameTransform, FrameTransformStats } from "../native/index.ts";

/** The way of a frame: `outgoing` behind the encoder, `incoming` before the jitter buffer and the decoder. */
export type FrameDirection = "outgoing" | "incoming";

const NOTHING: FrameTransformStats = { frames: 0, passed: 0, dropped: 0, late: 0, waiting: 0 };

/**
 * What the encoded frames of any number of tracks pass: {@link EncodedAudioTransform} or {@link AudioEncryption}. Put
 * it on a connection or on a track by `setTransform`.
 */
export abstract class FrameTransform<Events extends object = object> extends TypedEvents<Events> {
  readonly #streams = new Map<EngineFrameTransform, FrameDirection>();
  readonly #ended = { outgoing: NOTHING, incoming: NOTHING };
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** What became of all frames so far, each way, over all tracks. */
  get stats(): Record<FrameDirection, FrameTransformStats> {
    const sums = { ...this.#ended };
    for (const [stream, direction] of this.#streams) sums[direction] = sum(sums[direction], stream.stats());
    return sums;
  }

  /**
   * Lets go of it. Tracks that it is on fall silent both ways: what was to be transformed never passes as it is. Take
   * it off (`setTransform(null)`) for frames to pass again.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of [...this.#streams.keys()]) this.release(stream);
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** For tracks: what one stream's frames pass. Of a closed transform it lets none pass. */
  open(direction: FrameDirection): EngineFrameTransform {
    const stream = this.createStream(direction);
    if (!this.#closed) this.#streams.set(stream, direction);
    return stream;
  }

  /** For tracks: the stream has ended, or passes something else. */
  release(stream: EngineFrameTransform): void {
    const direction = this.#streams.get(stream);
    this.#streams.delete(stream);
    if (direction) {
      const { waiting, ...counts } = stream.stats();
      const last = { ...counts, waiting: 0, dropped: counts.dropped + waiting };
      this.#ended[direction] = sum(this.#ended[direction], last);
    }
    stream.close();
  }

  protected abstract createStream(direction: FrameDirection): EngineFrameTransform;
}

/** Where a stream's frames can be got at: a sender or a receiver. What carries PCM has none. */
export interface TransformTarget {
  readonly closed: boolean;
  setTransform?(transform: EngineFrameTransform | null): void;
}

/** Keeps a track's transform on whatever carries the track. */
export class TransformSlot {
  readonly #direction: FrameDirection;
  #transform: FrameTransform | null = null;
  #target: TransformTarget | null = null;
  #stream: EngineFrameTransform | null = null;
  #openedBy: FrameTransform | null = null;

  constructor(direction: FrameDirection) {
    this.#direction = direction;
  }

  get transform(): FrameTransform | null {
    return this.#transform;
  }

  /** A closed transform lets nothing pass. */
  set(transform: FrameTransform | null): void {
    if (transform === this.#transform) return;
    this.#transform = transform;
    this.#put();
  }

  /** Carries the track from now on; null: nothing does. A sender gets its transform here, before its producer. */
  attach(target: TransformTarget | null): void {
    if (target === this.#target) return;
    this.#target = target;
    this.#put();
  }

  #put(): void {
    const before = { stream: this.#stream, openedBy: this.#openedBy };
    this.#stream = this.#target && this.#transform ? this.#transform.open(this.#direction) : null;
    this.#openedBy = this.#stream ? this.#transform : null;
    const isOpen = this.#target !== null && !this.#target.closed;
    if (isOpen && (this.#stream || before.stream)) this.#target?.setTransform?.(this.#stream);
    if (this.#transform?.closed) this.#stream?.close();
    // What was there before may still be on a stream that is about to end: it keeps what it has.
    if (before.stream) before.openedBy?.release(before.stream);
  }
}

/** @throws TroupeError INVALID_OPTION when it is none, CLOSED when it is closed. */
export function requireTransform(value: FrameTransform | null, field: string): void {
  if (value === null) return;
  if (!(value instanceof FrameTransform)) {
    throw TroupeError.expected("INVALID_OPTION", field, "an EncodedAudioTransform or AudioEncryption", value);
  }
  if (value.closed) throw new TroupeError("CLOSED", `The ${field} is closed`, { field });
}

function sum(one: FrameTransformStats, other: FrameTransformStats): FrameTransformStats {
  return {
    frames: one.frames + other.frames,
    passed: one.passed + other.passed,
    dropped: one.dropped + other.dropped,
    late: one.late + other.late,
    waiting: one.waiting + other.waiting,
  };
}
