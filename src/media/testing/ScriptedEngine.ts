import { Batches } from "../../native/batches.ts";
import {
  type NativeBinding,
  RECORD_STRIDE,
  RecordKind,
  type SinkOptions,
  type SourceOptions,
} from "../../native/binding.ts";
import { EngineSink } from "../../native/engine.ts";
import { EngineMixer, type EngineProducer, EngineSource } from "../../native/producers.ts";

/**
 * An engine whose time is the test's: sources queue, `play` takes out and reports, frames come when the test says
 * so. For faults and deadlines; what audio becomes of audio is tested on the real engine.
 */
export class ScriptedEngine {
  readonly batches = new Batches();
  readonly calls: string[] = [];
  /** As when the event loop stalls for very long. */
  losesMarks = false;
  /** When each write that reached the engine was to sound. */
  readonly dueTimes: (number | undefined)[] = [];
  readonly #sources = new Map<
    number,
    { options: SourceOptions; queued: number; marks: [number, number][] }
  >();
  #handles = 0;
  readonly #binding = new Proxy({} as NativeBinding, {
    get: (_, name) => {
      const own = (this as unknown as Record<PropertyKey, unknown>)[name];
      return typeof own === "function" ? own.bind(this) : this.#record(String(name));
    },
  });

  createSource(options: SourceOptions): EngineSource {
    return new EngineSource(this.#binding, this.batches, options);
  }

  createSink(options: SinkOptions): EngineSink {
    return new EngineSink(this.#binding, this.batches, options);
  }

  createMixer(options: { sampleRate: number; channels: 1 | 2 }): EngineMixer {
    return new EngineMixer(this.#binding, this.batches, options);
  }

  /** Plays `ms` of a source; gives false once it is empty. */
  play(producer: EngineProducer | null, ms: number): void {
    const handle = producer!.handle;
    const source = this.#sources.get(handle)!;
    const samples = Math.min(source.queued, (ms * source.options.sampleRate) / 1000);
    this.#emit(RecordKind.sourceState, handle, 0, 1);
    source.queued -= samples;
    for (const mark of source.marks) mark[1] -= samples;
    for (const [mark] of source.marks.filter(([, left]) => left <= 0))
      this.#emit(RecordKind.mark, handle, mark, 0);
    source.marks = source.marks.filter(([, left]) => left > 0);
    if (source.queued === 0) this.#emit(RecordKind.sourceState, handle, 0, 2);
  }

  /** Reports that the event loop stalled and lost batches. */
  loseEvents(): void {
    this.#emit(RecordKind.dropped, 0, 1, 0);
  }

  /** Hands a frame to a sink. */
  frame(handle: number, pcm: Int16Array, timestampUs: number, concealed = false): void {
    const channels = this.batches.sinks.get(handle)?.options.channels ?? 1;
    const record = [RecordKind.frame, handle, 0, pcm.length / channels, timestampUs, concealed ? 1 : 0];
    this.batches.deliver(new Float64Array(record), pcm, []);
  }

  level(producer: EngineProducer | null, rms: number): void {
    this.#emit(RecordKind.level, producer!.handle, rms, rms);
  }

  mixerInput(mixer: EngineProducer | null, input: number, state: "starved" | "flowing"): void {
    this.#emit(RecordKind.mixerInput, mixer!.handle, input, state === "starved" ? 0 : 1);
  }

  dominantSpeaker(mixer: EngineProducer | null, input: number): void {
    this.#emit(RecordKind.dominantSpeaker, mixer!.handle, input, 0);
  }

  /** The number of the input that was added last. */
  get lastMixerInput(): number {
    return this.#handles;
  }

  /** The handles of the open sinks, oldest first. */
  get sinks(): number[] {
    return [...this.batches.sinks.keys()];
  }

  sourceCreate(options: SourceOptions): number {
    this.#handles += 1;
    this.#sources.set(this.#handles, { options, queued: 0, marks: [] });
    return this.#handles;
  }

  sourceWrite(handle: number, pcm: Int16Array, dueUs?: number): number {
    this.dueTimes.push(dueUs);
    const source = this.#sources.get(handle)!;
    const capacity = (source.options.capacityMs * source.options.sampleRate) / 1000;
    const taken = Math.min(capacity - source.queued, pcm.length / source.options.channels);
    source.queued += taken;
    return taken;
  }

  sourceQueuedUs(handle: number): number {
    const source = this.#sources.get(handle)!;
    return (source.queued * 1_000_000) / source.options.sampleRate;
  }

  sourceClear(handle: number): number {
    const source = this.#sources.get(handle)!;
    const { queued, marks } = source;
    Object.assign(source, { queued: 0, marks: [] });
    for (const [mark] of marks) this.#emit(RecordKind.mark, handle, mark, 1);
    return queued;
  }

  sourceMark(handle: number, mark: number): void {
    const source = this.#sources.get(handle)!;
    source.marks.push([mark, source.queued]);
  }

  /** Calls that only need a number back: kept as text. */
  #record(name: string) {
    return (...values: unknown[]) => {
      this.calls.push(`${name} ${values.filter((value) => typeof value !== "object").join(" ")}`.trim());
      this.#handles += 1;
      return this.#handles;
    };
  }

  #emit(kind: number, handle: number, a: number, b: number): void {
    if (kind === RecordKind.mark && this.losesMarks) return;
    const records = new Float64Array(RECORD_STRIDE);
    records.set([kind, handle, a, b]);
    this.batches.deliver(records, new Int16Array(), []);
  }
}
