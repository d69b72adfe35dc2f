import { parseOptions, TypedEvents } from "../core/index.ts";
import type { EngineProducer, Level } from "../native/index.ts";
import { durationSchema } from "./format.ts";
import { type AudioProducer, followProducer, requireProducer } from "./producer.ts";

const intervalSchema = durationSchema(10, 60_000);

/** The intervals that the open meters of a producer want: the engine reports at the shortest. */
const wanted = new WeakMap<EngineProducer, number[]>();

/**
 * Reports how loud a producer is, in dB relative to overload (-127 to 0). Listening to a source plays it.
 *
 * @example
 * const meter = new LevelMeter(track, { intervalMs: 100 });
 * meter.on("level", ({ rms, peak }) => draw(rms, peak));
 */
export class LevelMeter extends TypedEvents<{ level: [level: Level] }> {
  readonly #intervalMs: number;
  readonly #unfollow: () => void;
  #producer: EngineProducer | null = null;
  #off: (() => void) | undefined;
  #closed = false;

  constructor(producer: AudioProducer, options: { intervalMs?: number } = {}) {
    super();
    this.#intervalMs = parseOptions(intervalSchema, options.intervalMs ?? 100, "intervalMs");
    requireProducer(producer, "producer");
    this.#unfollow = followProducer(producer, {
      changed: (engineProducer) => this.#change(engineProducer),
      ended: () => this.close(),
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unfollow();
    this.#change(null);
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #change(producer: EngineProducer | null): void {
    this.#off?.();
    if (this.#producer) setInterest(this.#producer, (intervals) => remove(intervals, this.#intervalMs));
    this.#producer = producer;
    this.#off = producer?.levels.on("level", (level) => this.emit("level", level));
    if (producer) setInterest(producer, (intervals) => [...intervals, this.#intervalMs]);
  }
}

function setInterest(producer: EngineProducer, change: (intervals: number[]) => number[]): void {
  const intervals = change(wanted.get(producer) ?? []);
  wanted.set(producer, intervals);
  if (!producer.closed) producer.setLevelInterval(intervals.length > 0 ? Math.min(...intervals) : 0);
}

function remove(intervals: number[], interval: number): number[] {
  const at = intervals.indexOf(interval);
  return intervals.filter((_, index) => index !== at);
}
