import type { TypedEvents } from "../core/index.ts";
import type {
  DataChannelOptions,
  EnginePeer,
  TransportParameters,
  TransportState,
  TransportStats,
} from "../native/index.ts";

/** What a peer transport reports. */
export type PeerTransportEvents = {
  /** A local candidate, as the value of a candidate attribute (RFC 8839): `candidate:...`. */
  candidate: [candidate: string];
  /** All local candidates are known. */
  gathered: [];
  state: [state: TransportState, reason: string];
  /**
   * The machine's addresses are others than those that the sockets are on, or its default route is another.
   * `isPathLost`: the path's own address is gone, so that only a restart on new sockets helps. Told only where there is
   * another way out.
   */
  network: [isPathLost: boolean];
  /** A channel that the far side opened; open when this fires. */
  channel: [channel: TransportChannel];
};

/**
 * `same-sockets`: new credentials only. `new-sockets`: also new candidates, on the addresses that the machine has by
 * then, for a network that changed.
 */
export type IceRestart = "same-sockets" | "new-sockets";

/** What a data channel of a transport reports. */
export type TransportChannelEvents = {
  open: [];
  message: [data: Buffer, binary: boolean];
  /** The send buffer fell to its low threshold. */
  low: [];
  /** `reason` is empty unless the channel could not be opened: the far side has too few streams. */
  closed: [reason: string];
};

/** One data channel (RFC 8831, RFC 8832). */
export interface TransportChannel {
  readonly label: string;
  readonly protocol: string;
  readonly ordered: boolean;
  readonly state: "connecting" | "open" | "closed";
  readonly events: TypedEvents<TransportChannelEvents>;
  /**
   * False when the send buffer is full: nothing was taken, wait for `low`.
   *
   * @throws TroupeError INVALID_MESSAGE when it is longer than the far side or this one takes, INVALID_STATE before the
   * channel is open, CLOSED. The channel is as it was.
   */
  send(data: Uint8Array | string): boolean;
  readonly bufferedAmount: number;
  setBufferedAmountLowThreshold(bytes: number): void;
  close(): void;
}

/**
 * The one port over ICE, DTLS, SRTP and SCTP. No SDP here: sessions make and read it.
 * Nothing outside its adapter knows what is under it.
 */
export interface PeerTransport {
  readonly state: TransportState;
  readonly events: TypedEvents<PeerTransportEvents>;
  /** Starts gathering at the first call. The candidates are those known so far. */
  localParameters(): TransportParameters;
  /** @throws TroupeError INVALID_SDP when a field is not usable. */
  setRemoteParameters(parameters: TransportParameters): void;
  /** False when the candidate is of a kind that is ignored here. */
  addRemoteCandidate(candidate: string): boolean;
  /**
   * Begins a restart of ICE (RFC 8445, section 9): ufrag and pwd change at once, the next parameters of the far side
   * complete it. Packets take the old path until then. `disconnected` is reported when that path dies meanwhile.
   *
   * @throws TroupeError TRANSPORT_FAILED when no new socket could be had; ICE is then as it was.
   */
  restartIce(form?: IceRestart): void;
  /** From then on RTP and RTCP pass between this transport and the engine, without JavaScript. */
  attach(peer: EnginePeer): void;
  /**
   * Opens a data channel once there is an association; docs/data-channels.md says what it guarantees.
   *
   * @throws TroupeError INVALID_OPTION for options that are of no use, an id that another channel has, more than 256
   * channels, and where the far side has no stream for it. When that is not known yet the channel closes later instead.
   */
  openChannel(label: string, options?: Partial<DataChannelOptions>): TransportChannel;
  /** Asks the far side for a packet, whatever it holds; nothing happens where no data channels were agreed. */
  probe(): void;
  /** Milliseconds since the last packet of any kind came in; -1 before the first. */
  readonly sinceLastPacketMs: number;
  stats(): TransportStats;
  close(): void;
}
