import type { TroupeError } from "../core/index.ts";
import type {
  CodecParameters,
  EngineFrameTransform,
  EngineProducer,
  EngineReceiver,
  EngineSender,
  OpusParameters,
  TransportState,
} from "../native/index.ts";
import type { TransportChannel } from "./PeerTransport.ts";

/** The direction of an m-line, always as the side that holds the object sees it (RFC 8866, section 6.7). */
export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

export type MediaKind = "audio" | "video";

/** A codec as SDP has it: what the engine needs, and the attributes around it. */
export interface SdpCodec extends CodecParameters {
  /** The value of its fmtp attribute: `minptime=10;useinbandfec=1`. */
  format?: string;
  /** How long its packets should be and may be at most, in ms: the m-line's ptime and maxptime attributes. */
  packetMs?: number;
  maximumPacketMs?: number;
  /** Values of its rtcp-fb attributes: `nack`, `nack pli`, `ccm fir`. */
  feedback?: string[];
}

/** One m-line of audio or video, both ways. */
export interface Transceiver {
  /** Its identification in the SDP; `""` before the first offer that has it. */
  readonly mid: string;
  readonly kind: MediaKind;
  /** What we want; a change takes part in the next offer or answer. */
  direction: Direction;
  /** What was agreed last; null before that. */
  readonly currentDirection: Direction | null;
  /** What comes in; null while nothing may. */
  readonly receiver: EngineReceiver | null;
  /** What goes out; null while nothing may, and always with `noSender`. */
  readonly sender: EngineSender | null;
  /** The msid stream id of what we send; `""` for none. */
  readonly streamId: string;
  /** The msid track id that goes with it; the same for the life of the transceiver. */
  readonly trackId: string;
  /** The msid stream id of what the far side sends, as it stands in the SDP; `""` for none. */
  readonly remoteStreamId: string;
  /** The msid track id that goes with it. */
  readonly remoteTrackId: string;
  /** What was agreed; before that what is offered. In order of preference. */
  readonly codecs: readonly SdpCodec[];
  /** SSRCs that the far side announced or that were learnt. */
  readonly remoteSsrcs: readonly number[];
  /** The SSRC of what we send. */
  readonly localSsrc: number;
  /** The SSRC of what is sent again as RTX; undefined where that was not agreed. */
  readonly localRetransmissionSsrc: number | undefined;
  /** The RTCP canonical name that goes with it. */
  readonly cname: string;
  /** Whether generic NACK was agreed. */
  readonly nack: boolean;
  readonly closed: boolean;
  /** What the sender sends from now on; kept while there is none and given to the next. */
  setProducer(producer: EngineProducer | null): void;
  /**
   * What encoded frames pass on their way out and on their way in; null for nothing. Kept like the producer. Put it
   * on before the producer, so that no frame leaves without it, and take it off before you close it.
   */
  setSenderTransform(transform: EngineFrameTransform | null): void;
  setReceiverTransform(transform: EngineFrameTransform | null): void;
}

export interface TransceiverOptions {
  kind: MediaKind;
  direction: Direction;
  /** The msid stream id of what we send: 1 to 256 printable ASCII characters without space. */
  streamId?: string;
  /** What to offer, in order of preference; Opus for audio and VP8 for video when left out. */
  codecs?: SdpCodec[];
  /** How to encode; what the far side's format parameters say fills in the rest. */
  opus?: Partial<OpusParameters>;
  /**
   * How many earlier payloads each packet carries as RED, 0 to 2, where both sides have RED. When left out: 1 where RED
   * stands before its codec, else none.
   */
  redundancy?: number;
  /** Numbers are given out when left out. */
  mid?: string;
  /** Announce an SSRC but leave sending to a forwarder. */
  noSender?: boolean;
  /** The simulcast layers to take in, as r0 (RFC 8853); without simulcast none. */
  rids?: string[];
  /** What the far side is told that it may send (REMB), in bit/s; nothing when left out. */
  maximumBitRate?: number;
}

/** An m-line of an offer, as `choose` sees it. */
export interface OfferedLine {
  /** Its place among all m-lines. */
  readonly index: number;
  readonly mid: string;
  readonly kind: MediaKind;
  /** The direction as the far side wrote it: `recvonly` means that it wants to receive. */
  readonly direction: Direction;
  /** The far side's msid stream id, raw; `""` for none. */
  readonly streamId: string;
  readonly codecs: readonly SdpCodec[];
  /** Whether we may send on it, and whether the far side will. */
  readonly canSend: boolean;
  readonly canReceive: boolean;
}

/** What we do with an m-line of an offer. */
export interface AnswerChoice {
  /** Send on it, where the far side lets us. */
  send?: {
    streamId?: string;
    opus?: Partial<OpusParameters>;
    /** Names of codecs to send, in order of preference; what we can encode when left out. */
    codecs?: string[];
    /** As in {@link TransceiverOptions}. */
    redundancy?: number;
    /** Announce an SSRC but leave sending to a forwarder. */
    noSender?: boolean;
  };
  /** Take what the far side sends; true when left out. */
  receive?: boolean;
}

export type SessionEvents = {
  /** The far side sends on this m-line now. `streamId` is the raw msid stream id, `""` for none. */
  track: [transceiver: Transceiver, streamId: string];
  /** It no longer does. Its receiver is closed already. */
  trackRemoved: [transceiver: Transceiver];
  /** A local candidate, `candidate:...`; an empty one is the end of them. */
  candidate: [candidate: string, mid: string];
  state: [state: TransportState, reason: string];
  /**
   * The machine's network changed; the next restart of ICE is on new sockets. `isPathLost`: the path's address is gone, or
   * the path is dead and there is another way now.
   */
  network: [isPathLost: boolean];
  /** A data channel that the far side opened. */
  channel: [channel: TransportChannel];
  /** `stalled` after 2 s in which no packet of any kind came in, `flowing` when one does again. */
  liveness: [state: "flowing" | "stalled"];
  /** Something failed that no caller is there to hear of. */
  error: [error: TroupeError];
};
