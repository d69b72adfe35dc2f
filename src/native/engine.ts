import { TroupeError, TypedEvents } from "../core/index.ts";
import { Batches } from "./batches.ts";
import type {
  EngineOptions,
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
import {
  EngineFrameCryptor,
  EngineFrameRelay,
  type EngineFrameTransform,
  handleOf,
} from "./frameTransforms.ts";
import { NativeHandle } from "./handles.ts";
import { loadBinding } from "./load.ts";
import {
  EncodedSource,
  EngineFilter,
  EngineMixer,
  type EngineProducer,
  EngineReceiver,
  EngineSource,
  type FilterOptions,
} from "./producers.ts";

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

let shared: Engine | undefined;

/**
 * The media engine of this environment: one clock thread, a few codec threads, one batch a tick to JavaScript.
 * It starts with the first use and stops when {@link Engine.stop} is called or the environment ends.
 */
export class Engine {
  readonly binding: NativeBinding;
  readonly #batches: Batches;
  #running = true;

  private constructor(binding: NativeBinding, options: EngineOptions) {
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

  /**
   * Starts the shared engine with the streams that send spread over `sendSlots` parts of each tick, 1 to 10: packets
   * then leave in smaller bursts, and threads wake up more often.
   *
   * @throws TroupeError INVALID_STATE when the shared engine runs already.
   */
  static startSpread(sendSlots: number): Engine {
    if (shared) throw new TroupeError("INVALID_STATE", "The engine runs already");
    shared = new Engine(loadBinding(), { codecThreads: 0, sendSlots });
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
