import { TroupeError, TypedEvents } from "../core/index.ts";
import type { Batches } from "./batches.ts";
import type { NativeBinding, ReceiverOptions, SourceOptions } from "./binding.ts";
import { type EngineFrameTransform, handleOf } from "./frameTransforms.ts";
import { NativeHandle } from "./handles.ts";
import type { NativeObject, ProcessingOptions } from "./processing.ts";

export interface Level {
  /** Root mean square over the interval, in dB relative to overload: -127 to 0. */
  rms: number;
  peak: number;
}

/** Processing by the engine's own audio processor, or by a vendor's library. */
export type FilterOptions =
  | (ProcessingOptions & { streamDelayMs?: number })
  | {
      plugin: NativeObject;
      format: { sampleRate: number; channels: number };
      /** JSON that the vendor's library understands. */
      pluginOptions: string;
      /** JSON that says whose audio it is. */
      streamInfo: string;
    };

/** Anything whose audio can be sent, mixed or tapped. */
export abstract class EngineProducer extends NativeHandle {
  readonly levels = new TypedEvents<{ level: [level: Level] }>();
  readonly binding: NativeBinding;
  readonly batches: Batches;

  constructor(binding: NativeBinding, batches: Batches, handle: number, what: string) {
    super(handle, what, batches);
    this.binding = binding;
    this.batches = batches;
  }

  /** Reports `level` every `intervalMs`; 0 ends it. */
  setLevelInterval(intervalMs: number): void {
    this.batches.levels.set(this.handle, this.levels);
    this.binding.producerSetLevelInterval(this.handle, intervalMs);
  }

  protected free(handle: number): void {
    this.batches.levels.delete(handle);
    this.release(handle);
  }

  protected abstract release(handle: number): void;
}

/** One incoming stream. It is decoded only while a sink, mixer, sender or level meter listens. */
export class EngineReceiver extends EngineProducer {
  readonly events = new TypedEvents<{ flow: [state: "flowing" | "stalled"] }>();

  constructor(binding: NativeBinding, batches: Batches, peer: number, options: ReceiverOptions) {
    super(binding, batches, binding.receiverCreate(peer, options), "receiver");
    batches.receivers.set(this.handle, this.events);
  }

  update(options: ReceiverOptions): void {
    this.binding.receiverUpdate(this.handle, options);
  }

  /** The longest time between two packets since the last call, in microseconds. */
  takeLongestGapUs(): number {
    return this.binding.receiverTakeLongestGapUs(this.handle);
  }

  /** What its encoded frames pass as they arrive; null for nothing. */
  setTransform(transform: EngineFrameTransform | null): void {
    this.binding.receiverSetTransform(this.handle, handleOf(transform));
  }

  requestKeyFrame(): void {
    this.binding.receiverRequestKeyFrame(this.handle);
  }

  /**
   * How loud its packets said they were at most since the last call, in dBov: -127 (silence) to 0. It needs the header
   * extension of RFC 6464 and no decoding.
   */
  takeLoudest(): number {
    return this.binding.receiverTakeLoudest(this.handle);
  }

  protected release(handle: number): void {
    this.batches.receivers.delete(handle);
    this.binding.receiverClose(handle);
  }
}

/** A bounded ring of PCM that JavaScript writes and senders, mixers and sinks read. */
export class EngineSource extends EngineProducer {
  readonly events = new TypedEvents<{
    /** Playout began, ran dry after its hangover, or all that was written has been played. */
    state: [state: "idle" | "playing" | "drained", queuedUs: number];
    /** Playout reached the mark, or it was cleared away. */
    mark: [mark: number, outcome: "reached" | "cleared"];
    /** The event loop stalled for so long that events, marks among them, may have been lost. */
    lost: [];
    /** Whether it plays, as a receiver tells it of packets; only while somebody listens. */
    flow: [state: "flowing" | "stalled"];
  }>();
  readonly options: SourceOptions;

  constructor(binding: NativeBinding, batches: Batches, options: SourceOptions) {
    super(binding, batches, binding.sourceCreate(options), "source");
    this.options = options;
    batches.sources.set(this.handle, this.events);
  }

  /**
   * Queues interleaved samples; gives the samples per channel that found room.
   *
   * @param dueUs when the first of them is to sound, process-monotonic; right after what is queued when left out
   */
  write(pcm: Int16Array, dueUs?: number): number {
    if (this.closed) throw new TroupeError("CLOSED", "The source is closed");
    return this.binding.sourceWrite(this.handle, pcm, dueUs);
  }

  get queuedUs(): number {
    return this.closed ? 0 : this.binding.sourceQueuedUs(this.handle);
  }

  clear(): number {
    return this.closed ? 0 : this.binding.sourceClear(this.handle);
  }

  mark(mark: number): void {
    this.binding.sourceMark(this.handle, mark);
  }

  protected release(handle: number): void {
    this.batches.sources.delete(handle);
    this.binding.sourceClose(handle);
  }
}

/** Packets encoded before, played at their own pace. */
export class EncodedSource extends EngineProducer {
  constructor(
    binding: NativeBinding,
    batches: Batches,
    options: { frameMs: number; frames: Uint8Array[]; loop: boolean },
  ) {
    super(binding, batches, binding.encodedSourceCreate(options), "encoded source");
  }

  protected release(handle: number): void {
    this.binding.producerClose(handle);
  }
}

/** The sum of any number of producers, each with a gain; itself a producer. */
export class EngineMixer extends EngineProducer {
  readonly events = new TypedEvents<{
    input: [input: number, state: "flowing" | "starved"];
    /** The input that speaks now; 0 for none. */
    speaker: [input: number];
  }>();

  constructor(binding: NativeBinding, batches: Batches, options: { sampleRate: number; channels: 1 | 2 }) {
    super(binding, batches, binding.mixerCreate(options), "mixer");
    batches.mixers.set(this.handle, this.events);
  }

  /** Adds a producer at a linear gain; gives the input's number. */
  addInput(producer: EngineProducer, gain = 1): number {
    return this.binding.mixerAddInput(this.handle, producer.handle, gain);
  }

  setGain(input: number, gain: number, rampMs = 0): void {
    this.binding.mixerSetGain(this.handle, input, gain, rampMs);
  }

  removeInput(input: number): void {
    this.binding.mixerRemoveInput(this.handle, input);
  }

  /** The mix as `input` should hear it: without itself. */
  minus(input: number): EngineMixMinus {
    return new EngineMixMinus(this.binding, this.batches, this.binding.mixerMinus(this.handle, input));
  }

  protected release(handle: number): void {
    this.batches.mixers.delete(handle);
    this.binding.mixerClose(handle);
  }
}

/** Another producer, bound later, through a filter that runs on a codec thread. */
export class EngineFilter extends EngineProducer {
  constructor(binding: NativeBinding, batches: Batches, options: FilterOptions) {
    const handle =
      "plugin" in options
        ? binding.filterCreatePlugin(
            options.plugin,
            options.format,
            options.pluginOptions,
            options.streamInfo,
          )
        : binding.filterCreateProcessor(options);
    super(binding, batches, handle, "filter");
  }

  /** What it filters from now on; null: nothing. */
  bind(producer: EngineProducer | null): void {
    this.binding.filterBind(this.handle, producer?.handle ?? 0);
  }

  /** What is played to where that audio comes from, for echo cancellation. */
  bindReverse(producer: EngineProducer | null): void {
    this.binding.filterBindReverse(this.handle, producer?.handle ?? 0);
  }

  protected release(handle: number): void {
    this.binding.producerClose(handle);
  }
}

/** A mixer's output without one of its inputs. */
export class EngineMixMinus extends EngineProducer {
  constructor(binding: NativeBinding, batches: Batches, handle: number) {
    super(binding, batches, handle, "mix-minus");
  }

  protected release(handle: number): void {
    this.binding.producerClose(handle);
  }
}
