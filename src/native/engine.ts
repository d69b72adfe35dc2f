import { TroupeError, TypedEvents } from "../core/index.ts";
import { Batches } from "./batches.ts";
import type {
  EngineStats,
  ForwarderOptions,
  FrameCryptorOptions,
  FrameRelayOptions,
  HeaderExtensionIds,
  NativeBinding,
  OpusParameters,
  PeerStats,
  ReceiverOptions,
  SenderOptions,
  SinkOptions,
  SourceOptions,
  WireImpairment,
} from "./binding.ts";
import { EngineFrameCryptor, EngineFrameRelay, type EngineFrameTransform } from "./frameTransforms.ts";
import { NativeHandle } from "./handles.ts";
import { loadBinding } from "./load.ts";
import type { NativeObject, ProcessingOptions } from "./processing.ts";

/** A frame of PCM from the engine. `pcm` is valid only until the listener returns: copy what you keep. */
export interface EngineFrame {
  /** Interleaved samples. */
  pcm: Int16Array;
  sampleRate: number;
  channels: number;
  samplesPerChannel: number;
  /** Process-monotonic time at which its first sample was due, in microseconds. */
  timestampUs: number;
  /** True when any of it was made up by loss concealment. */
  concealed: boolean;
}

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

let shared: Engine | undefined;

/**
 * The media engine of this environment: one clock thread, a few codec threads, one batch a tick to JavaScript.
 * It starts with the first use and stops when {@link Engine.stop} is called or the environment ends.
 */
export class Engine {
  readonly binding: NativeBinding;
  readonly #batches: Batches;
  #running = true;

  private constructor(binding: NativeBinding, options: { codecThreads: number; manual: boolean }) {
    this.binding = binding;
    this.#batches = new Batches();
    binding.engineStart(options, this.#batches.deliver);
  }

  /** The engine that everything in this environment shares. */
  static shared(): Engine {
    shared ??= new Engine(loadBinding(), { codecThreads: 0, manual: false });
    return shared;
  }

  /**
   * Starts the shared engine without threads: its time passes only in {@link Engine.tick}. For tests and benches.
   *
   * @throws TroupeError INVALID_STATE when the shared engine runs already.
   */
  static startManual(): Engine {
    if (shared) throw new TroupeError("INVALID_STATE", "The engine runs already, by the clock or by hand");
    shared = new Engine(loadBinding(), { codecThreads: 1, manual: true });
    return shared;
  }

  /** Ends the shared engine, if it runs, with everything in it. The next use starts a new one. */
  static stop(): void {
    shared?.stop();
  }

  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    if (shared === this) shared = undefined;
    this.binding.engineStop();
    this.#batches.ended = true;
  }

  /** Manual engines only: runs the ticks due by `nowUs`, 10 ms each, and delivers what they made. */
  tick(nowUs: number): void {
    this.binding.engineTick(nowUs);
  }

  /** Batches and frames that a stalled event loop lost, and other figures of the whole engine. */
  stats(): EngineStats {
    return this.binding.engineStats();
  }

  createPeer(): EnginePeer {
    return new EnginePeer(this.binding, this.#batches);
  }

  createSource(options: SourceOptions): EngineSource {
    return new EngineSource(this.binding, this.#batches, options);
  }

  /** A producer of packets that are encoded already. `frameMs` is the length of each of `frames`. */
  createEncodedSource(options: { frameMs: number; frames: Uint8Array[]; loop: boolean }): EncodedSource {
    return new EncodedSource(this.binding, this.#batches, options);
  }

  /**
   * Encodes a recording once, for {@link createEncodedSource}. It runs on the calling thread (about 2 ms for a second
   * of audio), so prepare prompts before bots talk. Samples beyond the last whole frame are left out.
   */
  encodeOpus(pcm: Int16Array, options: Partial<OpusParameters> & { sampleRate: number }): Uint8Array[] {
    return this.binding.encodeOpus(pcm, options);
  }

  createMixer(options: { sampleRate: number; channels: 1 | 2 }): EngineMixer {
    return new EngineMixer(this.binding, this.#batches, options);
  }

  /** @throws when a plugin makes no session with these options. */
  createFilter(options: FilterOptions): EngineFilter {
    return new EngineFilter(this.binding, this.#batches, options);
  }

  createFrameCryptor(options: FrameCryptorOptions): EngineFrameCryptor {
    return new EngineFrameCryptor(this.binding, this.#batches, options);
  }

  /** Its frames cross to JavaScript and come back: see {@link EngineFrameRelay}. */
  createFrameRelay(options: FrameRelayOptions): EngineFrameRelay {
    return new EngineFrameRelay(this.binding, this.#batches, options);
  }

  createSink(options: SinkOptions): EngineSink {
    return new EngineSink(this.binding, this.#batches, options);
  }
}

/** The media side of one peer connection: its receivers, senders and forwarders. */
export class EnginePeer extends NativeHandle {
  readonly events = new TypedEvents<{
    /** Packets of this SSRC are held for a short time: give it to a receiver or let them go. */
    unknownSsrc: [ssrc: number, payloadType: number, mid: string | undefined];
    bye: [ssrc: number];
  }>();
  readonly #binding: NativeBinding;
  readonly #batches: Batches;

  constructor(binding: NativeBinding, batches: Batches) {
    super(binding.peerCreate(), "peer", batches);
    this.#binding = binding;
    this.#batches = batches;
    batches.peers.set(this.handle, this.events);
  }

  setHeaderExtensions(ids: HeaderExtensionIds): void {
    this.#binding.peerSetHeaderExtensions(this.handle, ids);
  }

  createReceiver(options: ReceiverOptions): EngineReceiver {
    return new EngineReceiver(this.#binding, this.#batches, this.handle, options);
  }

  createSender(options: SenderOptions): EngineSender {
    return new EngineSender(this.#binding, this.#batches, this.handle, options);
  }

  /** Takes an RTP packet as from a transport that got it at `arrivalUs`. For tests and benches. */
  receive(packet: Uint8Array, arrivalUs: number): void {
    this.#binding.peerReceive(this.handle, packet, arrivalUs);
  }

  /** Joins this peer and `other` by a wire in this process, in place of transports. For tests and benches. */
  link(other: EnginePeer, impairment?: WireImpairment): void {
    this.#binding.peerLink(this.handle, other.handle, impairment);
  }

  /** Sends what `receiver` (of another peer) gets on this peer. */
  createForwarder(receiver: EngineReceiver, options: ForwarderOptions): EngineForwarder {
    return new EngineForwarder(this.#binding, this.#batches, receiver.handle, this.handle, options);
  }

  stats(): PeerStats {
    return this.#binding.peerStats(this.handle);
  }

  protected free(handle: number): void {
    this.#batches.peers.delete(handle);
    this.#binding.peerClose(handle);
  }
}

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

/** One outgoing stream. Senders of one producer with equal encodings share one encoder. */
export class EngineSender extends NativeHandle {
  readonly events = new TypedEvents<{ loss: [expectedLossPercent: number] }>();
  readonly #binding: NativeBinding;
  readonly #batches: Batches;

  constructor(binding: NativeBinding, batches: Batches, peer: number, options: SenderOptions) {
    super(binding.senderCreate(peer, options), "sender", batches);
    this.#binding = binding;
    this.#batches = batches;
    batches.senders.set(this.handle, this.events);
  }

  /** What it sends from now on; null detaches. */
  setProducer(producer: EngineProducer | null): void {
    this.#binding.senderSetProducer(this.handle, producer?.handle ?? 0);
  }

  /** What its encoded frames pass before they are packed; null for nothing. */
  setTransform(transform: EngineFrameTransform | null): void {
    this.#binding.senderSetTransform(this.handle, handleOf(transform));
  }

  update(opus: Partial<OpusParameters>): void {
    this.#binding.senderUpdate(this.handle, opus);
  }

  /**
   * Sends in another way from now on: another codec, redundancy or repair. Producer and transform stay, and under the
   * same SSRC sequence numbers and timestamps go on, as SRTP wants them to (RFC 3711, section 3.3.1).
   */
  reconfigure(options: SenderOptions): void {
    this.#binding.senderReconfigure(this.handle, options);
  }

  protected free(handle: number): void {
    this.#batches.senders.delete(handle);
    this.#binding.senderClose(handle);
  }
}

/** Takes PCM out of a producer. */
export class EngineSink extends NativeHandle {
  readonly events = new TypedEvents<{ frame: [frame: EngineFrame] }>();
  readonly options: SinkOptions;
  readonly #binding: NativeBinding;
  readonly #batches: Batches;

  constructor(binding: NativeBinding, batches: Batches, options: SinkOptions) {
    super(binding.sinkCreate(options), "sink", batches);
    this.options = options;
    this.#binding = binding;
    this.#batches = batches;
    batches.sinks.set(this.handle, this);
  }

  /** What it hears from now on; null: nothing. */
  bind(producer: EngineProducer | null): void {
    this.#binding.sinkBind(this.handle, producer?.handle ?? 0);
  }

  protected free(handle: number): void {
    this.#batches.sinks.delete(handle);
    this.#binding.sinkClose(handle);
  }
}

/** Passes one receiver's packets on to another peer. */
export class EngineForwarder extends NativeHandle {
  readonly events = new TypedEvents<{
    /** This simulcast layer of the source is passed on from now on. */
    layer: [rid: string];
  }>();
  readonly #binding: NativeBinding;
  readonly #batches: Batches;

  constructor(
    binding: NativeBinding,
    batches: Batches,
    receiver: number,
    peer: number,
    options: ForwarderOptions,
  ) {
    super(binding.forwarderCreate(receiver, peer, options), "forwarder", batches);
    this.#binding = binding;
    this.#batches = batches;
    batches.forwarders.set(this.handle, this.events);
  }

  /** The simulcast layer to pass on, from its next key frame: its rid, or `none`. */
  requestLayer(layer: string): void {
    this.#binding.forwarderRequestLayer(this.handle, { layer });
  }

  protected free(handle: number): void {
    this.#batches.forwarders.delete(handle);
    this.#binding.forwarderClose(handle);
  }
}

/** A closed transform would let frames pass as they are. */
function handleOf(transform: EngineFrameTransform | null): number {
  if (transform?.closed) throw new TroupeError("CLOSED", "The transform is closed");
  return transform?.handle ?? 0;
}
