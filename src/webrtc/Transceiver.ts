import { randomId } from "../core/index.ts";
import type {
  EnginePeer,
  EngineProducer,
  EngineReceiver,
  EngineSender,
  OpusParameters,
  ReceiverOptions,
} from "../native/index.ts";
import { canEncode, engineCodec, opusParameters } from "./sdp/codecs.ts";
import type { WrittenTrack } from "./sdp/write.ts";
import type { Direction, MediaKind, SdpCodec, Transceiver } from "./types.ts";

/** How many SSRCs are kept of one m-line; the newest stay. */
const MAXIMUM_REMOTE_SSRCS = 16;

/** What one exchange of offer and answer says of an m-line, with the direction as we see it. */
export interface Agreement {
  direction: Direction;
  codecs: SdpCodec[];
  remoteSsrcs: number[];
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

export interface SessionTransceiverOptions {
  kind: MediaKind;
  direction: Direction;
  streamId: string;
  codecs: SdpCodec[];
  opus: Partial<OpusParameters> | undefined;
  noSender: boolean;
  cname: string;
  newSsrc: () => number;
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
  readonly #peer: EnginePeer;
  readonly #newSsrc: () => number;
  readonly #onFlowing: (transceiver: SessionTransceiver) => void;
  mid = "";
  direction: Direction;
  streamId: string;
  opus: Partial<OpusParameters> | undefined;
  noSender: boolean;
  currentDirection: Direction | null = null;
  receiver: EngineReceiver | null = null;
  sender: EngineSender | null = null;
  codecs: SdpCodec[];
  remoteSsrcs: number[] = [];
  remoteStreamId = "";
  remoteTrackId = "";
  localSsrc: number;
  closed = false;
  /** Whether `track` fired and `trackRemoved` did not yet. */
  #announced = false;
  #hasSent = false;
  #producer: EngineProducer | null = null;
  #sentPayloadType = -1;

  constructor(peer: EnginePeer, options: SessionTransceiverOptions) {
    this.#peer = peer;
    this.#newSsrc = options.newSsrc;
    this.#onFlowing = options.onFlowing;
    this.localSsrc = options.newSsrc();
    this.kind = options.kind;
    this.direction = options.direction;
    this.streamId = options.streamId;
    this.codecs = options.codecs;
    this.opus = options.opus;
    this.noSender = options.noSender;
    this.cname = options.cname;
  }

  get nack(): boolean {
    return this.codecs[0]?.feedback?.includes("nack") ?? false;
  }

  /** What SDP says of the track that it sends. */
  get written(): WrittenTrack {
    return { streamId: this.streamId, trackId: this.trackId, ssrc: this.localSsrc, cname: this.cname };
  }

  get announced(): boolean {
    return this.#announced;
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
    };
  }

  #endReceiver(): void {
    this.receiver?.events.removeAllListeners();
    this.receiver?.close();
    this.receiver = null;
    this.remoteSsrcs = [];
    this.#announced = false;
  }

  #send(active: boolean): void {
    const codec = this.noSender ? undefined : this.codecs.find(canEncode);
    if (this.sender && (!active || codec?.payloadType !== this.#sentPayloadType)) {
      this.sender.close();
      this.sender = null;
    }
    if (!active) {
      // A new start under an old SSRC would upset SRTP's packet index (RFC 3711, section 3.3.1).
      if (this.#hasSent) this.localSsrc = this.#newSsrc();
      this.#hasSent = false;
      return;
    }
    this.#hasSent = true;
    if (!codec) return;
    if (this.sender) this.sender.update(opusParameters(codec, this.opus));
    else this.#startSender(codec);
  }

  #startSender(codec: SdpCodec): void {
    this.#sentPayloadType = codec.payloadType;
    this.sender = this.#peer.createSender({
      kind: this.kind,
      mid: this.mid,
      ssrc: this.localSsrc,
      cname: this.cname,
      codec: engineCodec(codec),
      opus: opusParameters(codec, this.opus),
      nack: this.nack,
    });
    if (this.#producer && !this.#producer.closed) this.sender.setProducer(this.#producer);
  }
}
