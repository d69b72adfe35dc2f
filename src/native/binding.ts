import type { ProcessingBinding } from "./processing.ts";
import type { TransportBinding } from "./transportBinding.ts";

/**
 * What the addon exports, as it is: numbers, typed arrays and one callback a side. Handles are numbers that
 * are never used twice in a process; the wrappers of this folder own them.
 */
export interface NativeBinding extends EngineBinding, TransportBinding, ProcessingBinding {}

/** Kinds of the fixed-size records in a batch; see {@link RECORD_STRIDE}. */
export const RecordKind = {
  /** sink, offset in samples into the batch's PCM, samples per channel, timestampUs, 1 when concealed */
  frame: 1,
  /** producer, RMS in dBov (-127 to 0), peak in dBov */
  level: 2,
  /** source, queued us, 0 idle | 1 playing | 2 drained */
  sourceState: 3,
  /** source, mark id: playout reached the mark (1 as third value when it was cleared instead) */
  mark: 4,
  /** receiver, 0 stalled | 1 flowing */
  receiverFlow: 5,
  /** peer, ssrc, payload type, index of the mid or rid text in `texts` or -1: packets are held for a short time */
  unknownSsrc: 6,
  /** mixer, input, 0 starved | 1 flowing */
  mixerInput: 7,
  /** 0, batches dropped since the last batch, audio frames in them */
  dropped: 8,
  /** sender, expected loss in percent that the receivers report */
  senderLoss: 9,
  /** peer: RTCP BYE for ssrc */
  bye: 10,
  /** mixer, input that speaks or 0 */
  dominantSpeaker: 11,
  /**
   * frame cryptor, index in {@link CRYPTOR_STATES}, key index; for decryptionFailed 1 when the keys that follow are
   * wanted; for keyRatcheted the steps of the ratchet, and how often the key at this index had been set
   */
  cryptorState: 12,
  /** frame relay, the frame's number, offset into the batch's bytes, length: an RTP header (RFC 3550), then the frame */
  encodedFrame: 13,
  /** forwarder; a and b 0; c index of the rid among the texts. */
  layerSwitched: 14,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** What a frame cryptor's numbers stand for. */
export const CRYPTOR_STATES = [
  "new",
  "ok",
  "encryptionFailed",
  "decryptionFailed",
  "missingKey",
  "keyRatcheted",
  "internalError",
] as const;
export type CryptorState = (typeof CRYPTOR_STATES)[number];

/** Numbers per record: kind, handle, and up to four values in the order that {@link RecordKind} gives. */
export const RECORD_STRIDE = 6;

/** The callback of the batch. The views are over native memory and valid only until it returns. */
type BatchCallback = (records: Float64Array, pcm: Int16Array, texts: string[], bytes: Uint8Array) => void;

export interface HeaderExtensionIds {
  mid?: number;
  rid?: number;
  audioLevel?: number;
  absoluteSendTime?: number;
  transportSequenceNumber?: number;
  repairedRid?: number;
}

export interface CodecParameters {
  payloadType: number;
  /** Lower-case: opus, pcmu, pcma, red, telephone-event, vp8, rtx ... opus, pcmu and pcma are decoded. */
  name: string;
  /** Hz of the RTP clock. */
  clockRate: number;
  channels: number;
  /** Of `rtx`, the payload type that it repairs (RFC 4588); of `red`, that of the primary encoding (RFC 2198). */
  associatedPayloadType?: number;
}

export interface ReceiverOptions {
  kind: "audio" | "video";
  mid: string;
  /** SSRCs known from signalling; empty when they are learnt from the mid extension. */
  ssrcs: number[];
  codecs: CodecParameters[];
  /** Whether generic NACK was negotiated. */
  nack: boolean;
  /** Pairs of the SSRC of a stream and that of its retransmissions (`ssrc-group:FID`, RFC 4588). */
  retransmissionSsrcs?: [ssrc: number, retransmissionSsrc: number][];
  /** Floor and cap of the jitter buffer in ms; 20 and 400 when left out. */
  minimumDelayMs?: number;
  maximumDelayMs?: number;
  /** What its sender is told that it may use (REMB), in bit/s; 0 or left out tells it nothing. */
  maximumBitRate?: number;
}

export interface SourceOptions {
  /** Hz: 8000, 12000, 16000, 24000, 44100 or 48000. */
  sampleRate: number;
  channels: 1 | 2;
  /** What the ring holds at most, in ms. */
  capacityMs: number;
}

export interface OpusParameters {
  /** bit/s */
  bitRate: number;
  /** 0 to 10 */
  complexity: number;
  application: "voip" | "audio" | "lowdelay";
  fec: boolean;
  /** Percent, 0 to 100; the engine raises it to what receiver reports say. */
  expectedLossPercent: number;
  dtx: boolean;
  channels: 1 | 2;
  /** 10, 20, 40 or 60 */
  frameMs: number;
  /** Hz, 8000 to 48000: the far side plays nothing above it, which bounds the audio bandwidth. */
  maxPlaybackRate: number;
  /** Constant bit rate. */
  cbr: boolean;
}

export interface SenderOptions {
  kind: "audio" | "video";
  mid: string;
  ssrc: number;
  cname: string;
  /** opus, pcmu or pcma. */
  codec: CodecParameters;
  /** Of these G.711 takes `frameMs` alone. */
  opus?: Partial<OpusParameters>;
  /** Whether requests for lost packets are answered. */
  nack: boolean;
  /** They are answered as RTX (RFC 4588); without it packets are sent again as they were. */
  retransmission?: { ssrc: number; payloadType: number };
  /** Each packet carries the payloads of the `distance` (1 or 2) before it as RED (RFC 2198). */
  redundancy?: { payloadType: number; distance: number };
  /** How long an empty source is still encoded as silence, in ms; 200 when left out. */
  hangoverMs?: number;
}

export interface FrameCryptorOptions {
  direction: "encrypt" | "decrypt";
  /** Bytes at the start of a frame that stay readable: 1 for Opus. */
  clearBytes: number;
  /** Keys that it holds, 1 to 256. */
  keyRingSize: number;
  /** Frames in a row that a key may fail to open until it is given up; -1: any number. */
  failureTolerance: number;
  /** What the server appends to silence of its own; empty for none. */
  serverTrailer: Uint8Array;
}

export interface FrameRelayOptions {
  /** Frames that are away at most, 1 to 1024; the one that is away longest makes room. */
  maximumFrames: number;
  /** Frames that come back later than this are dropped, in ms. */
  maximumHoldMs: number;
}

/** What became of the encoded frames that a transform got. */
export interface FrameTransformStats {
  frames: number;
  passed: number;
  /** Never came out: could not be transformed, were not given back, or had made room for others. */
  dropped: number;
  /** Were given back too late to be sent or heard. */
  late: number;
  /** Are held back now. */
  waiting: number;
}

export interface SinkOptions {
  /** Hz: any from 8000 to 192000. */
  sampleRate: number;
  /** 1 to 8. */
  channels: number;
  /** Length of a frame in ms; a multiple of 10. */
  frameMs: number;
}

export interface ForwarderOptions {
  mid: string;
  ssrc: number;
  cname: string;
  /** Pairs of payload type at the receiver and payload type at the far peer. Others are dropped and counted. */
  payloadTypes: [number, number][];
  nack: boolean;
  /** RTX, with pairs of payload type at the far peer and that of its retransmissions. */
  retransmission?: { ssrc: number; payloadTypes: [number, number][] };
  /** The simulcast layer that is wanted of a source with layers: its rid, or `none`. */
  layer?: string;
}

/** WebRTC names where WebRTC has them; times in ms, counts since the object was made. */
export interface InboundRtpStats {
  receiver: number;
  ssrc: number;
  kind: "audio" | "video";
  mid: string;
  /** The simulcast layer; `""` for none. */
  rid: string;
  payloadType: number;
  packetsReceived: number;
  bytesReceived: number;
  headerBytesReceived: number;
  packetsLost: number;
  packetsDiscarded: number;
  packetsDuplicated: number;
  /** seconds */
  jitter: number;
  /** Seconds from arrival until heard, summed over samples; divide by `jitterBufferEmittedCount` for the mean. */
  jitterBufferDelay: number;
  /** The same of the delay aimed at, and of the least one that the network's jitter alone would allow. */
  jitterBufferTargetDelay: number;
  jitterBufferMinimumDelay: number;
  /** Samples here and below are per channel at 48 kHz. */
  jitterBufferEmittedCount: number;
  totalSamplesReceived: number;
  concealedSamples: number;
  silentConcealedSamples: number;
  concealmentEvents: number;
  /** What stretching put in and took out, to make the delay longer and shorter. */
  insertedSamplesForDeceleration: number;
  removedSamplesForAcceleration: number;
  nackCount: number;
  pliCount: number;
  /** Second copies of earlier packets that came along with later ones (in-band FEC, RED), and those not needed. */
  fecPacketsReceived: number;
  fecPacketsDiscarded: number;
  /** Of `packetsReceived`, those that had been asked for again. */
  retransmittedPacketsReceived: number;
  retransmittedBytesReceived: number;
  audioLevel: number;
  totalAudioEnergy: number;
  totalSamplesDuration: number;
  /** Process-monotonic, in ms; 0 before the first. */
  lastPacketReceivedTimestamp: number;
}

export interface OutboundRtpStats {
  /** The sender's or forwarder's handle. */
  sender: number;
  ssrc: number;
  kind: "audio" | "video";
  mid: string;
  payloadType: number;
  packetsSent: number;
  bytesSent: number;
  headerBytesSent: number;
  retransmittedPacketsSent: number;
  retransmittedBytesSent: number;
  /** Process-monotonic, in ms; 0 before the first. */
  lastPacketSentTimestamp: number;
  nackCount: number;
  pliCount: number;
  /** From the far side's receiver reports; seconds, and -1 while there is none. */
  roundTripTime: number;
  remoteFractionLost: number;
  remotePacketsLost: number;
  remoteJitter: number;
}

/** Transport-wide feedback (transport-cc), both ways; all 0 where it was not agreed. */
export interface TransportFeedbackStats {
  messagesSent: number;
  messagesReceived: number;
  /** What the far side said of our packets; one that comes late may have been told as lost before. */
  packetsReported: number;
  packetsReportedLost: number;
}

export interface PeerStats {
  inbound: InboundRtpStats[];
  outbound: OutboundRtpStats[];
  transportFeedback: TransportFeedbackStats;
  /** By reason: truncated, badHeader, badExtension, unknownSsrc, unknownPayloadType, heldTooLong, srtp ... */
  drops: Record<string, number>;
}

/** What a wire in this process does to RTP packets. */
export interface WireImpairment {
  lossPercent?: number;
  /** Each packet comes with one of so many that follow it, or at once: up to 1000. */
  maximumPacketsLate?: number;
  /** The same seed loses the same packets. */
  seed?: number;
}

export interface EngineOptions {
  /** 0: one a core. */
  codecThreads: number;
  manual?: boolean;
  sendSlots?: number;
}

export interface EngineStats {
  ticks: number;
  /** Ticks that a late clock skipped after it had caught up five. */
  skippedTicks: number;
  /** How late a tick began, in ms. */
  clockLateMs: { p50: number; p99: number; maximum: number };
  /** CPU time of all codec threads and of the clock thread since the start, in ms. */
  codecThreadCpuMs: number;
  clockThreadCpuMs: number;
  batches: number;
  /** What listeners that were slower than the clock, or a loop that stalled, lost: batches, and frames and events in them. */
  batchesDropped: number;
  framesDropped: number;
  eventsDropped: number;
  /** Open handles by kind: peers, receivers, senders, sources, sinks, mixers, forwarders, encoders, decoders. */
  handles: Record<string, number>;
}

interface EngineBinding {
  /**
   * Starts the engine of this environment. `codecThreads` 0 means one a core. With `manual` it has no threads and time
   * passes only in `engineTick`, for tests and benches at any speed. Streams that send are spread over `sendSlots` parts
   * of each tick, 1 (all at its beginning) to 10.
   */
  engineStart(options: EngineOptions, onBatch: BatchCallback): void;
  engineStop(): void;
  /** Manual only: runs all ticks due by `nowUs` (at most 5 a call, the rest is skipped) and hands over their batches. */
  engineTick(nowUs: number): void;
  engineStats(): EngineStats;

  peerCreate(): number;
  peerClose(peer: number): void;
  peerSetHeaderExtensions(peer: number, ids: HeaderExtensionIds): void;
  peerStats(peer: number): PeerStats;
  /** Gives the peer an RTP packet as a transport would that got it at `arrivalUs`; for tests and benches. */
  peerReceive(peer: number, packet: Uint8Array, arrivalUs: number): void;
  /** Joins two peers by a wire in this process, in place of transports; for tests and benches. */
  peerLink(first: number, second: number, impairment?: WireImpairment): void;

  receiverCreate(peer: number, options: ReceiverOptions): number;
  /** Changes ssrcs, codecs and NACK of a receiver without losing its buffer. */
  receiverUpdate(receiver: number, options: ReceiverOptions): void;
  /** Sends a PLI, at most one in 500 ms. */
  receiverRequestKeyFrame(receiver: number): void;
  /** How loud what it got since the last call said that it was at most, in dBov; -127 for silence. */
  receiverTakeLoudest(receiver: number): number;
  receiverClose(receiver: number): void;
  /** The longest time between two packets since the last call, in us. */
  receiverTakeLongestGapUs(receiver: number): number;

  sourceCreate(options: SourceOptions): number;
  /**
   * Samples per channel that found room; the rest is the caller's. `dueUs`, process-monotonic, is when the first sample
   * is to sound at the earliest; right after what is queued when left out.
   */
  sourceWrite(source: number, pcm: Int16Array, dueUs?: number): number;
  sourceQueuedUs(source: number): number;
  /** Drops what is queued; gives the samples per channel dropped. Marks in it fire as cleared. */
  sourceClear(source: number): number;
  /** Puts a mark behind what is queued now; a `mark` record comes when playout reaches it. */
  sourceMark(source: number, mark: number): void;
  sourceClose(source: number): void;

  /** The Opus packets of interleaved PCM, made on the calling thread: for prompts and tests, not for live audio. */
  encodeOpus(pcm: Int16Array, options: Partial<OpusParameters> & { sampleRate: number }): Uint8Array[];
  /** A producer of packets that are encoded already; `loop` plays them round and round. */
  encodedSourceCreate(options: { frameMs: number; frames: Uint8Array[]; loop: boolean }): number;

  mixerCreate(options: { sampleRate: number; channels: 1 | 2 }): number;
  /** Input handle. A producer is a receiver, source or mixer. `gain` is linear. */
  mixerAddInput(mixer: number, producer: number, gain: number): number;
  /** Ramps to `gain` over `rampMs`. */
  mixerSetGain(mixer: number, input: number, gain: number, rampMs: number): void;
  mixerRemoveInput(mixer: number, input: number): void;
  mixerClose(mixer: number): void;
  /** A producer that is the mix without `input` (mix-minus); closed with the mixer or by producerClose. */
  mixerMinus(mixer: number, input: number): number;

  senderCreate(peer: number, options: SenderOptions): number;
  /** Source, encoded source, mixer or receiver; 0 detaches. */
  senderSetProducer(sender: number, producer: number): void;
  senderUpdate(sender: number, opus: Partial<OpusParameters>): void;
  /** Takes another codec, redundancy or repair. Under the same SSRC its numbers and timestamps go on. */
  senderReconfigure(sender: number, options: SenderOptions): void;
  senderClose(sender: number): void;

  frameCryptorCreate(options: FrameCryptorOptions): number;
  /** 16 or 32 bytes; none takes the key away. */
  frameCryptorSetKey(cryptor: number, index: number, key: Uint8Array): void;
  /** Keys that may have taken the place of the one at `index`, in order; at most 64. */
  frameCryptorSetCandidates(cryptor: number, index: number, keys: Uint8Array[]): void;
  frameCryptorSetKeyIndex(cryptor: number, index: number): void;
  frameCryptorSetEnabled(cryptor: number, enabled: boolean): void;
  frameRelayCreate(options: FrameRelayOptions): number;
  /** Gives a frame back. False when it comes too late, or the relay is closed. */
  frameRelayEnqueue(relay: number, frameNumber: number, frame: Uint8Array): boolean;
  frameTransformStats(transform: number): FrameTransformStats;
  /** Streams that it is on keep it. */
  frameTransformClose(transform: number): void;
  /** What encoded frames pass: a sender's behind the encoder, a receiver's as they arrive. 0 for nothing. */
  senderSetTransform(sender: number, transform: number): void;
  receiverSetTransform(receiver: number, transform: number): void;

  /** A tap on a producer (0: none yet). It fills `frame` records. */
  sinkCreate(options: SinkOptions): number;
  sinkBind(sink: number, producer: number): void;
  sinkClose(sink: number): void;

  /** `level` records for a producer every `intervalMs` (0 stops them). */
  producerSetLevelInterval(producer: number, intervalMs: number): void;
  /** Closes a source, encoded source or mix-minus. */
  producerClose(producer: number): void;

  /** Sends what `receiver` gets to `peer`, unparsed beyond what routing needs. */
  forwarderCreate(receiver: number, peer: number, options: ForwarderOptions): number;
  /** The simulcast layer to pass on from its next key frame. */
  forwarderRequestLayer(forwarder: number, options: { layer: string }): void;
  forwarderClose(forwarder: number): void;
}
