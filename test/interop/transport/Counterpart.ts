/** How a counterpart's data channel should be; as in RTCDataChannelInit. */
export interface ChannelKind {
  ordered?: boolean;
  maxRetransmits?: number;
  maxPacketLifeTimeMs?: number;
  protocol?: string;
  /** Negotiated outside of the connection. */
  id?: number;
}

/**
 * A foreign peer connection with one audio line that sends back what it hears, and data channels that send back every
 * message, as text where it came as text.
 */
export interface Counterpart {
  /** The answer; with `trickle` its candidates come to `onCandidate`, else they are in it. */
  answer(offer: string): Promise<string>;
  /** An offer of an audio line and a line for data channels. */
  offer(options?: { iceRestart?: boolean }): Promise<string>;
  acceptAnswer(answer: string): Promise<void>;
  addCandidate(candidate: string, mid: string): Promise<void>;
  /** Opens a channel of its own; it sends back what comes. */
  open(label: string, kind?: ChannelKind): Promise<void>;
  closeChannel(label: string): Promise<void>;
  /** `connected`, or what the connection is instead. */
  state(): Promise<string>;
  /** Labels of the channels that are open on its side. */
  openLabels(): Promise<string[]>;
  /** Its getStats(), where it has one that is worth comparing. */
  stats?(): Promise<StatsObject[]>;
  /** What transport-wide feedback of ours told it of its packets, where it says so. */
  feedback?(): Promise<{ packets: number; lost: number }>;
  /** Ends what it sends of audio, and says so by RTCP BYE. */
  endAudio(): Promise<void>;
  /** How many RTCP BYE came. */
  goodbyes(): Promise<number>;
  close(): Promise<void>;
}

/** By the names of webrtc-stats. */
export type StatsObject = Record<string, unknown>;

export interface CounterpartOptions {
  /** Who answers is the DTLS client or the server; the counterpart's own choice when left out. */
  setup?: "active" | "passive";
  /** ICE over TCP besides UDP. */
  iceTcp?: boolean;
  /** Offered and taken, transport-wide; the counterpart's own choice when left out. */
  transportFeedback?: boolean;
  onCandidate: (candidate: string, mid: string) => void;
}

/** One implementation that counterparts are made of. */
export interface Implementation {
  readonly name: string;
  /** What it does not have, so that no case of the table asks for it. */
  readonly lacks: readonly (
    | "ice restart"
    | "setup"
    | "audio echo"
    | "256 KiB"
    | "small packets"
    | "ICE over TCP"
    | "goodbye out"
    | "goodbyes in"
  )[];
  create(options: CounterpartOptions): Promise<Counterpart>;
  close(): Promise<void>;
}
