import { randomId } from "../core/index.ts";
import type {
  EngineFrameTransform,
  EnginePeer,
  EngineProducer,
  EngineReceiver,
  EngineSender,
  OpusParameters,
  ReceiverOptions,
  SenderOptions,
} from "../native/index.ts";
import { engineCodec, type SendingCodecs, sendingCodecs } from "./sdp/codecs.ts";
import { opusParameters, packetLength } from "./sdp/opus.ts";
import type { WrittenTrack } from "./sdp/write.ts";
import type { Direction, MediaKind, SdpCodec, Transceiver } from "./types.ts";

/** How many SSRCs are kept of one m-line; the newest stay. */
const MAXIMUM_REMOTE_SSRCS = 16;

/** What one exchange of offer and answer says of an m-line, with the direction as we see it. */
export interface Agreement {
  direction: Direction;
  codecs: SdpCodec[];
  remoteSsrcs: number[];
  remoteRetransmissionSsrcs: [ssrc: number, retransmissionSsrc: number][];
  remoteStreamId: string;
  remoteTrackId: string;
  /** Whether the far side has something to send, as far as signalling says. */
  announced: boolean;
}

/** What an agreement changed, for the events that follow. */
export interface TrackChange {
  removed: boolean;
  added: boolean;
}

/** Bounds of the delay by which a receiver evens out jitter, in ms. */
export type JitterBufferBounds = Partial<Pick<ReceiverOptions, "minimumDelayMs" | "maximumDelayMs">>;

export interface SessionTransceiverOptions {
  kind: MediaKind;
  direction: Direction;
  streamId: string;
  codecs: SdpCodec[];
  opus: Partial<OpusParameters> | undefined;
  redundancy: number | undefined;
  noSender: boolean;
  rids?: readonly string[];
  maximumBitRate?: number;
  cname: string;
  newSsrc: () => number;
  jitterBuffer: JitterBufferBounds;
  /** Packets began to come in. */
  onFlowing: (transceiver: SessionTransceiver) => void;
}

export function sends(direction: Direction): boolean {
  return direction === "sendrecv" || direction === "sendonly";
}

export function receives(direction: Direction): boolean {
  return direction === "sendrecv" || direction === "recvonly";
}

export function directionOf(send: boolean, receive: boolean): Direction {
  if (send) return receive ? "sendrecv" : "sendonly";
  return receive ? "recvonly" : "inactive";
}

/** The session's side of a {@link Transceiver}: turns agreements into the engine's senders and receivers. */
export class SessionTransceiver implements Transceiver {
  readonly kind: MediaKind;
  readonly cname: string;
  readonly trackId = randomId(12);
  /** The simulcast layers that it takes in; none without simulcast. */
  readonly rids: readonly string[];
  readonly #maximumBitRate: number | undefined;
  readonly #peer: EnginePeer;
  readonly #newSsrc: () => number;
  readonly #jitterBuffer: JitterBufferBounds;
  readonly #onFlowing: (transceiver: SessionTransceiver) => void;
  mid = "";
  direction: Direction;
  streamId: string;
  opus: Partial<OpusParameters> | undefined;
  redundancy: number | undefined;
  noSender: boolean;
  currentDirection: Direction | null = null;
  receiver: EngineReceiver | null = null;
  sender: EngineSender | null = null;
  codecs: SdpCodec[];
  remoteSsrcs: number[] = [];
  remoteStreamId = "";
  remoteTrackId = "";
  localSsrc: number;
  localRetransmissionSsrc: number | undefined;
  #remoteRetransmissionSsrcs: [ssrc: number, retransmissionSsrc: number][] = [];
  closed = false;
  /** Whether `track` fired and `trackRemoved` did not yet. */
  #announced = false;
  #hasSent = false;
  #producer: EngineProducer | null = null;
  /** What the sender was made for; another agreement reconfigures it. */
  #sentCodecs = "";
  #senderTransform: EngineFrameTransform | null = null;
  #receiverTransform: EngineFrameTransform | null = null;

  constructor(peer: EnginePeer, options: SessionTransceiverOptions) {
    this.#peer = peer;
    this.#newSsrc = options.newSsrc;
    this.#jitterBuffer = options.jitterBuffer;
    this.#onFlowing = options.onFlowing;
    this.localSsrc = options.newSsrc();
    this.kind = options.kind;
    this.direction = options.direction;
    this.streamId = options.streamId;
    this.codecs = options.codecs;
    this.opus = options.opus;
    this.redundancy = options.redundancy;
    this.noSender = options.noSender;
    this.cname = options.cname;
    this.rids = options.rids ?? [];
    this.#maximumBitRate = options.maximumBitRate;
  }

  get nack(): boolean {
    return this.codecs.some(({ feedback }) => feedback?.includes("nack"));
  }

  /** What SDP says of the track that it sends. */
  get written(): WrittenTrack {
    const { streamId, trackId, localSsrc: ssrc, cname } = this;
    if (this.#repairs) this.localRetransmissionSsrc ??= this.#newSsrc();
    const repair = this.#repairs ? { retransmissionSsrc: this.localRetransmissionSsrc } : {};
    return { streamId, trackId, ssrc, cname, ...repair };
  }

  get announced(): boolean {
    return this.#announced;
  }

  setSenderTransform(transform: EngineFrameTransform | null): void {
    this.#senderTransform = transform;
    this.sender?.setTransform(transform);
  }

  setReceiverTransform(transform: EngineFrameTransform | null): void {
    this.#receiverTransform = transform;
    this.receiver?.setTransform(transform);
  }

  setProducer(producer: EngineProducer | null): void {
    this.#producer = producer;
    this.sender?.setProducer(producer);
  }

  apply(agreement: Agreement): TrackChange {
    const removed = this.#announced && (!receives(agreement.direction) || this.#isOtherTrack(agreement));
    if (removed || !receives(agreement.direction)) this.#endReceiver();
    this.currentDirection = agreement.direction;
    this.codecs = agreement.codecs;
    this.#remoteRetransmissionSsrcs = agreement.remoteRetransmissionSsrcs;
    this.remoteStreamId = agreement.remoteStreamId;
    this.remoteTrackId = agreement.remoteTrackId;
    if (receives(agreement.direction)) this.#receive(agreement.remoteSsrcs);
    this.#send(sends(agreement.direction));
    const added = receives(agreement.direction) && agreement.announced && !this.#announced;
    if (added) this.#announced = true;
    return { removed, added };
  }

  /** Packets came on an m-line of which signalling had not said so. True the first time. */
  announce(): boolean {
    if (this.#announced || !this.receiver) return false;
    this.#announced = true;
    return true;
  }

  /** Gives the receiver an SSRC that no signalling told of. */
  learnSsrc(ssrc: number): void {
    if (!this.receiver || this.remoteSsrcs.includes(ssrc)) return;
    this.remoteSsrcs = [...this.remoteSsrcs, ssrc].slice(-MAXIMUM_REMOTE_SSRCS);
    this.receiver.update(this.#receiverOptions());
  }

  /** True when a track went with it. */
  close(): boolean {
    const removed = this.#announced;
    this.#endReceiver();
    this.sender?.close();
    this.sender = null;
    this.#producer = null;
    this.direction = "inactive";
    this.currentDirection = "inactive";
    this.closed = true;
    return removed;
  }

  /** A renamed stream is another track; so is another track id, but only along with other SSRCs. */
  #isOtherTrack(agreement: Agreement): boolean {
    if (agreement.remoteStreamId !== this.remoteStreamId) return true;
    if (agreement.remoteTrackId === this.remoteTrackId || agreement.remoteSsrcs.length === 0) return false;
    return !agreement.remoteSsrcs.some((ssrc) => this.remoteSsrcs.includes(ssrc));
  }

  #receive(remoteSsrcs: number[]): void {
    // An offer without SSRCs says nothing against those that were learnt from packets.
    if (remoteSsrcs.length > 0) this.remoteSsrcs = remoteSsrcs.slice(0, MAXIMUM_REMOTE_SSRCS);
    if (this.receiver) {
      this.receiver.update(this.#receiverOptions());
      return;
    }
    this.receiver = this.#peer.createReceiver(this.#receiverOptions());
    if (this.#receiverTransform) this.receiver.setTransform(this.#receiverTransform);
    this.receiver.events.on("flow", (state) => {
      if (state === "flowing") this.#onFlowing(this);
    });
  }

  #receiverOptions(): ReceiverOptions {
    return {
      kind: this.kind,
      mid: this.mid,
      ssrcs: this.remoteSsrcs,
      codecs: this.codecs.map(engineCodec),
      nack: this.nack,
      ...this.#jitterBuffer,
      ...(this.#remoteRetransmissionSsrcs.length > 0
        ? { retransmissionSsrcs: this.#remoteRetransmissionSsrcs }
        : {}),
      ...(this.#maximumBitRate ? { maximumBitRate: this.#maximumBitRate } : {}),
    };
  }

  #endReceiver(): void {
    this.receiver?.events.removeAllListeners();
    this.receiver?.close();
    this.receiver = null;
    this.remoteSsrcs = [];
    this.#announced = false;
  }

  /** Whether what we send, or a forwarder in our place, is to be sent again as RTX. */
  get #repairs(): boolean {
    if (this.noSender) return this.kind === "video" && this.codecs.some(({ name }) => name === "rtx");
    return this.kind === "audio" && this.#sending?.retransmission !== undefined;
  }

  get #sending(): SendingCodecs | undefined {
    return this.noSender ? undefined : sendingCodecs(this.codecs, this.redundancy);
  }

  #send(active: boolean): void {
    const sending = this.#sending;
    const sentCodecs = JSON.stringify(sending && describe(sending));
    if (this.sender && (!active || !sending)) {
      this.sender.close();
      this.sender = null;
    }
    if (!active) {
      // A new start under an old SSRC would upset SRTP's packet index (RFC 3711, section 3.3.1).
      if (this.#hasSent) this.localSsrc = this.#newSsrc();
      if (this.#hasSent) this.localRetransmissionSsrc = undefined;
      this.#hasSent = false;
      return;
    }
    this.#hasSent = true;
    if (!sending) return;
    if (!this.sender) this.#startSender(sending);
    else if (sentCodecs === this.#sentCodecs) this.sender.update(this.#encoding(sending.codec));
    else this.sender.reconfigure(this.#senderOptions(sending));
    this.#sentCodecs = sentCodecs;
  }

  #startSender(sending: SendingCodecs): void {
    this.sender = this.#peer.createSender(this.#senderOptions(sending));
    if (this.#senderTransform) this.sender.setTransform(this.#senderTransform);
    if (this.#producer && !this.#producer.closed) this.sender.setProducer(this.#producer);
  }

  #senderOptions(sending: SendingCodecs): SenderOptions {
    const { retransmissionSsrc } = this.written;
    return {
      kind: this.kind,
      mid: this.mid,
      ssrc: this.localSsrc,
      cname: this.cname,
      codec: engineCodec(sending.codec),
      opus: this.#encoding(sending.codec),
      nack: this.nack,
      ...(sending.redundancy ? { redundancy: sending.redundancy } : {}),
      ...(sending.retransmission && retransmissionSsrc !== undefined
        ? {
            retransmission: { ssrc: retransmissionSsrc, payloadType: sending.retransmission.payloadType },
          }
        : {}),
    };
  }

  #encoding(codec: SdpCodec): Partial<OpusParameters> {
    if (codec.name === "opus") return opusParameters(codec, this.opus);
    const frameMs = packetLength(codec, this.opus?.frameMs);
    return frameMs === undefined ? {} : { frameMs };
  }
}

function describe({ codec, redundancy, retransmission }: SendingCodecs): unknown[] {
  return [codec.payloadType, codec.name, redundancy, retransmission?.payloadType];
}
