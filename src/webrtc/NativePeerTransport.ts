import { TroupeError, TypedEvents } from "../core/index.ts";
import type {
  DataChannelOptions,
  EnginePeer,
  NativeBinding,
  TransportEvent,
  TransportOptions,
  TransportParameters,
  TransportState,
  TransportStats,
} from "../native/index.ts";
import { loadBinding, NativeHandle } from "../native/index.ts";
import type {
  IceRestart,
  PeerTransport,
  PeerTransportEvents,
  TransportChannel,
  TransportChannelEvents,
} from "./PeerTransport.ts";

/**
 * The transport of the addon: ICE, DTLS, SRTP and SCTP on a thread of their own.
 *
 * `close()` frees its sockets at once; a transport that is not closed keeps the process alive.
 *
 * @example
 * const transport = new NativePeerTransport({ controlling: true });
 * transport.events.on("state", (state, reason) => console.log(state, reason));
 */
export class NativePeerTransport extends NativeHandle implements PeerTransport {
  readonly events = new TypedEvents<PeerTransportEvents>();
  readonly #binding: NativeBinding;
  readonly #channels: Map<number, NativeChannel>;
  #state: TransportState = "new";

  /** Options that are left out: answerer, no ICE servers, any port, no addresses besides the interfaces'. */
  constructor(options: Partial<TransportOptions> = {}) {
    const binding = loadBinding();
    // The callback holds the transport weakly, so that one which was forgotten is reported as leaked.
    const weak: { transport?: WeakRef<NativePeerTransport> } = {};
    const onEvent = (...event: TransportEvent) => weak.transport?.deref()?.receive(event);
    const complete: TransportOptions = {
      controlling: false,
      iceServers: [],
      addresses: [],
      portRange: [0, 0],
      ...options,
    };
    const handle = translateErrors("INVALID_OPTION", () => binding.transportCreate(complete, onEvent));
    super(handle, "transport");
    this.#binding = binding;
    this.#channels = new Map();
    weak.transport = new WeakRef<NativePeerTransport>(this);
  }

  get state(): TransportState {
    return this.#state;
  }

  localParameters(): TransportParameters {
    this.#assertOpen();
    return translateErrors("TRANSPORT_FAILED", () => this.#binding.transportLocalParameters(this.handle));
  }

  setRemoteParameters(parameters: TransportParameters): void {
    this.#assertOpen();
    translateErrors("INVALID_SDP", () => this.#binding.transportSetRemoteParameters(this.handle, parameters));
  }

  addRemoteCandidate(candidate: string): boolean {
    return !this.closed && this.#binding.transportAddRemoteCandidate(this.handle, candidate);
  }

  restartIce(form: IceRestart = "same-sockets"): void {
    this.#assertOpen();
    translateErrors("TRANSPORT_FAILED", () =>
      this.#binding.transportRestartIce(this.handle, form === "new-sockets"),
    );
  }

  attach(peer: EnginePeer): void {
    this.#assertOpen();
    this.#binding.transportAttach(this.handle, peer.handle);
  }

  openChannel(label: string, options: Partial<DataChannelOptions> = {}): TransportChannel {
    this.#assertOpen();
    const complete = { ordered: true, protocol: "", ...options };
    const handle = translateErrors("INVALID_OPTION", () =>
      this.#binding.transportOpenChannel(this.handle, label, complete),
    );
    return this.#addChannel(handle, label, complete.protocol, complete.ordered, "connecting");
  }

  probe(): void {
    this.#assertOpen();
    this.#binding.transportProbe(this.handle);
  }

  get sinceLastPacketMs(): number {
    return this.closed ? -1 : this.#binding.transportSinceLastPacket(this.handle);
  }

  stats(): TransportStats {
    this.#assertOpen();
    return this.#binding.transportStats(this.handle);
  }

  /** Channels close and the state becomes `closed` before it returns. */
  protected free(handle: number): void {
    this.#binding.transportClose(handle);
    for (const channel of [...this.#channels.values()]) channel.handleClosed();
    this.#channels.clear();
    this.#setState("closed", "closed here");
  }

  private receive(event: TransportEvent): void {
    switch (event[0]) {
      case "candidate":
        this.events.emit("candidate", event[1]);
        break;
      case "gathered":
        this.events.emit("gathered");
        break;
      case "state":
        this.#setState(event[1], event[2]);
        break;
      case "network":
        this.events.emit("network", event[1]);
        break;
      case "channel":
        this.events.emit("channel", this.#addChannel(event[1], event[2], event[3], event[4], "open"));
        break;
      case "channelOpen":
        this.#channels.get(event[1])?.handleOpen();
        break;
      case "message":
        this.#channels.get(event[1])?.events.emit("message", event[2], event[3]);
        break;
      case "channelLow":
        this.#channels.get(event[1])?.events.emit("low");
        break;
      case "channelClosed":
        this.#channels.get(event[1])?.handleClosed(event[2]);
        this.#channels.delete(event[1]);
        break;
    }
  }

  #setState(state: TransportState, reason: string): void {
    if (this.#state === state || this.#state === "closed") return;
    this.#state = state;
    this.events.emit("state", state, reason);
  }

  #addChannel(
    handle: number,
    label: string,
    protocol: string,
    ordered: boolean,
    state: "connecting" | "open",
  ): NativeChannel {
    const channel = new NativeChannel(this.#binding, this, handle, label, protocol, ordered, state);
    this.#channels.set(handle, channel);
    return channel;
  }

  #assertOpen(): void {
    if (this.closed) throw new TroupeError("CLOSED", "The transport is closed");
  }
}

class NativeChannel implements TransportChannel {
  readonly label: string;
  readonly protocol: string;
  readonly ordered: boolean;
  readonly events = new TypedEvents<TransportChannelEvents>();
  readonly #binding: NativeBinding;
  readonly #transport: NativePeerTransport;
  readonly #handle: number;
  #state: "connecting" | "open" | "closed";

  constructor(
    binding: NativeBinding,
    transport: NativePeerTransport,
    handle: number,
    label: string,
    protocol: string,
    ordered: boolean,
    state: "connecting" | "open",
  ) {
    this.#binding = binding;
    this.#transport = transport;
    this.#handle = handle;
    this.label = label;
    this.protocol = protocol;
    this.ordered = ordered;
    this.#state = state;
  }

  get state(): "connecting" | "open" | "closed" {
    return this.#state;
  }

  send(data: Uint8Array | string): boolean {
    if (this.#state === "closed") throw new TroupeError("CLOSED", `The data channel ${this.label} is closed`);
    if (this.#state === "connecting") {
      throw new TroupeError("INVALID_STATE", `The data channel ${this.label} is not open yet`);
    }
    return translateErrors("INVALID_MESSAGE", () =>
      this.#binding.transportSend(this.#transport.handle, this.#handle, data),
    );
  }

  get bufferedAmount(): number {
    if (this.#state === "closed") return 0;
    return this.#binding.transportBufferedAmount(this.#transport.handle, this.#handle);
  }

  setBufferedAmountLowThreshold(bytes: number): void {
    if (this.#state === "closed") return;
    this.#binding.transportSetBufferedAmountLowThreshold(this.#transport.handle, this.#handle, bytes);
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#binding.transportCloseChannel(this.#transport.handle, this.#handle);
  }

  handleOpen(): void {
    if (this.#state !== "connecting") return;
    this.#state = "open";
    this.events.emit("open");
  }

  handleClosed(reason = ""): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.events.emit("closed", reason);
  }
}

/** Gives what the addon refuses as unusable parameters the code that the caller knows. */
function translateErrors<Result>(
  code: "INVALID_OPTION" | "INVALID_SDP" | "INVALID_MESSAGE" | "TRANSPORT_FAILED",
  call: () => Result,
): Result {
  try {
    return call();
  } catch (error) {
    throw TroupeError.from(code, error);
  }
}
