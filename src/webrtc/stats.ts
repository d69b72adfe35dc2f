import type { InboundRtpStats, OutboundRtpStats, PeerStats, TransportStats } from "../native/index.ts";
import { writtenName } from "./sdp/codecs.ts";
import { type Identified, TRANSPORT_ID, type TransportObject, transportObjects } from "./transportStats.ts";
import type { MediaKind, SdpCodec, Transceiver } from "./types.ts";

interface CodecStats extends Identified<"codec"> {
  transportId: string;
  payloadType: number;
  /** `audio/opus` */
  mimeType: string;
  clockRate: number;
  channels?: number;
  sdpFmtpLine?: string;
}

/** Members beside those named here are the engine's own, under their WebRTC names. */
interface InboundRtpStreamStats
  extends Identified<"inbound-rtp">,
    Omit<InboundRtpStats, "receiver" | "payloadType" | "lastPacketReceivedTimestamp"> {
  transportId: string;
  codecId?: string;
  /** Milliseconds since 1970. */
  lastPacketReceivedTimestamp?: number;
  trackIdentifier: string;
}

interface OutboundRtpStreamStats extends Identified<"outbound-rtp"> {
  transportId: string;
  codecId?: string;
  /** Only once the far side has reported. */
  remoteId?: string;
  ssrc: number;
  kind: MediaKind;
  mid: string;
  packetsSent: number;
  bytesSent: number;
  headerBytesSent: number;
  retransmittedPacketsSent: number;
  retransmittedBytesSent: number;
  nackCount: number;
  pliCount: number;
}

interface RemoteInboundRtpStreamStats extends Identified<"remote-inbound-rtp"> {
  transportId: string;
  codecId?: string;
  localId: string;
  ssrc: number;
  kind: MediaKind;
  /** seconds */
  roundTripTime: number;
  jitter: number;
  packetsLost: number;
  /** 0 to 1 */
  fractionLost: number;
}

type StatsObject =
  | CodecStats
  | InboundRtpStreamStats
  | OutboundRtpStreamStats
  | RemoteInboundRtpStreamStats
  | TransportObject;

/**
 * The statistics of a session, in the shape of "Identifiers for WebRTC's Statistics API" (webrtc-stats). What is given
 * of its dictionaries for the connection, and why the rest is not: docs/statistics.md.
 */
export type StatsReport = StatsObject[];

/** Puts the figures of engine and transport together; ids stay the same from report to report. */
export function buildReport(
  peer: PeerStats,
  transport: TransportStats,
  transceivers: readonly Transceiver[],
  timestamp = Date.now(),
): StatsReport {
  const codecs = new Codecs(transceivers, timestamp);
  const streams = [
    ...peer.inbound.map((stream) => inbound(stream, codecs, transceivers, timestamp)),
    ...peer.outbound.flatMap((stream) => outbound(stream, codecs, timestamp)),
  ];
  return [...codecs.objects, ...streams, ...transportObjects(peer, transport, timestamp)];
}

/** The codec objects of the payload types that some stream uses. */
class Codecs {
  readonly objects: CodecStats[] = [];
  readonly #transceivers: readonly Transceiver[];
  readonly #timestamp: number;

  constructor(transceivers: readonly Transceiver[], timestamp: number) {
    this.#transceivers = transceivers;
    this.#timestamp = timestamp;
  }

  /** `{}` while no packet has shown a payload type that was agreed. */
  reference(mid: string, payloadType: number): { codecId?: string } {
    const transceiver = this.#transceivers.find((one) => one.mid === mid);
    const codec = transceiver?.codecs.find((one) => one.payloadType === payloadType);
    if (!transceiver || !codec) return {};
    const id = `C${payloadType}`;
    if (!this.objects.some((one) => one.id === id))
      this.objects.push(this.#object(id, transceiver.kind, codec));
    return { codecId: id };
  }

  #object(id: string, kind: MediaKind, codec: SdpCodec): CodecStats {
    return {
      id,
      type: "codec",
      timestamp: this.#timestamp,
      transportId: TRANSPORT_ID,
      payloadType: codec.payloadType,
      mimeType: `${kind}/${writtenName(codec.name)}`,
      clockRate: codec.clockRate,
      ...(kind === "audio" ? { channels: codec.channels } : {}),
      ...(codec.format ? { sdpFmtpLine: codec.format } : {}),
    };
  }
}

function inbound(
  stream: InboundRtpStats,
  codecs: Codecs,
  transceivers: readonly Transceiver[],
  timestamp: number,
): InboundRtpStreamStats {
  const { receiver, payloadType, lastPacketReceivedTimestamp: arrivedMs, ...figures } = stream;
  return {
    ...figures,
    ...(arrivedMs > 0 ? { lastPacketReceivedTimestamp: timestamp - (monotonicMs() - arrivedMs) } : {}),
    id: `I${stream.mid}-${stream.ssrc}`,
    type: "inbound-rtp",
    timestamp,
    transportId: TRANSPORT_ID,
    ...codecs.reference(stream.mid, payloadType),
    trackIdentifier: transceivers.find((one) => one.receiver?.handle === receiver)?.remoteTrackId ?? "",
  };
}

function outbound(
  stream: OutboundRtpStats,
  codecs: Codecs,
  timestamp: number,
): (OutboundRtpStreamStats | RemoteInboundRtpStreamStats)[] {
  const { ssrc, kind, mid } = stream;
  const common = {
    ssrc,
    kind,
    timestamp,
    transportId: TRANSPORT_ID,
    ...codecs.reference(mid, stream.payloadType),
  };
  const localId = `O${mid}-${ssrc}`;
  const id = `R${mid}-${ssrc}`;
  const reported = stream.roundTripTime >= 0;
  const { packetsSent, bytesSent, headerBytesSent, nackCount, pliCount } = stream;
  const { retransmittedPacketsSent, retransmittedBytesSent } = stream;
  const local: OutboundRtpStreamStats = {
    ...common,
    id: localId,
    type: "outbound-rtp",
    mid,
    ...(reported ? { remoteId: id } : {}),
    packetsSent,
    bytesSent,
    headerBytesSent,
    retransmittedPacketsSent,
    retransmittedBytesSent,
    nackCount,
    pliCount,
  };
  if (!reported) return [local];
  const remote: RemoteInboundRtpStreamStats = {
    ...common,
    id,
    type: "remote-inbound-rtp",
    localId,
    roundTripTime: stream.roundTripTime,
    jitter: stream.remoteJitter,
    packetsLost: stream.remotePacketsLost,
    fractionLost: stream.remoteFractionLost,
  };
  return [local, remote];
}

/** By the clock that the engine stamps packets with. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
