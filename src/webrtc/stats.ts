import type { InboundRtpStats, OutboundRtpStats, PeerStats, TransportStats } from "../native/index.ts";
import { parseCandidate } from "./sdp/candidates.ts";
import { writtenName } from "./sdp/codecs.ts";
import type { MediaKind, SdpCodec, Transceiver } from "./types.ts";

/** What every object of a report has. Times in seconds and ids as WebRTC's statistics have them. */
interface Identified<Type extends string> {
  id: string;
  type: Type;
  /** Milliseconds since 1970. */
  timestamp: number;
}

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
    Omit<InboundRtpStats, "receiver" | "payloadType"> {
  transportId: string;
  codecId?: string;
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

interface TransportStatsObject extends Identified<"transport"> {
  bytesSent: number;
  bytesReceived: number;
  packetsSent: number;
  packetsReceived: number;
  iceState: string;
  dtlsState: string;
  dtlsRole: string;
  tlsVersion: string;
  dtlsCipher: string;
  srtpCipher: string;
  selectedCandidatePairId?: string;
  /** Ours: what the transport and the engine dropped, by reason. */
  drops: Record<string, number>;
}

interface CandidatePairStats extends Identified<"candidate-pair"> {
  transportId: string;
  localCandidateId: string;
  remoteCandidateId: string;
  state: "succeeded";
  nominated: true;
  bytesSent: number;
  bytesReceived: number;
  packetsSent: number;
  packetsReceived: number;
}

interface CandidateStats extends Identified<"local-candidate" | "remote-candidate"> {
  transportId: string;
  address: string;
  port: number;
  protocol: string;
  candidateType: string;
  priority: number;
  foundation: string;
}

interface DataChannelStats extends Identified<"data-channel"> {
  label: string;
  dataChannelIdentifier: number;
  state: string;
  messagesSent: number;
  messagesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Ours: bytes that wait to be sent. */
  bufferedAmount: number;
}

type StatsObject =
  | CodecStats
  | InboundRtpStreamStats
  | OutboundRtpStreamStats
  | RemoteInboundRtpStreamStats
  | TransportStatsObject
  | CandidatePairStats
  | CandidateStats
  | DataChannelStats;

/** The statistics of a session, in the shape of "Identifiers for WebRTC's Statistics API". */
export type StatsReport = StatsObject[];

const TRANSPORT_ID = "T";

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
  return [
    ...codecs.objects,
    ...streams,
    ...transportObjects(peer, transport, timestamp),
    ...transport.channels.map((channel) => dataChannel(channel, timestamp)),
  ];
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
  const { receiver, payloadType, ...figures } = stream;
  return {
    ...figures,
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

function transportObjects(
  peer: PeerStats,
  stats: TransportStats,
  timestamp: number,
): (TransportStatsObject | CandidatePairStats | CandidateStats)[] {
  const { bytesSent, bytesReceived, packetsSent, packetsReceived } = stats;
  const traffic = { bytesSent, bytesReceived, packetsSent, packetsReceived };
  const local = candidate("local-candidate", stats.localCandidate, timestamp);
  const remote = candidate("remote-candidate", stats.remoteCandidate, timestamp);
  const pair: CandidatePairStats | null =
    local && remote
      ? {
          id: "P",
          type: "candidate-pair",
          timestamp,
          transportId: TRANSPORT_ID,
          localCandidateId: local.id,
          remoteCandidateId: remote.id,
          state: "succeeded",
          nominated: true,
          ...traffic,
        }
      : null;
  const { iceState, dtlsState, dtlsRole, tlsVersion, dtlsCipher, srtpCipher } = stats;
  return [
    {
      id: TRANSPORT_ID,
      type: "transport",
      timestamp,
      ...traffic,
      ...{ iceState, dtlsState, dtlsRole, tlsVersion, dtlsCipher, srtpCipher },
      ...(pair ? { selectedCandidatePairId: pair.id } : {}),
      drops: { ...stats.drops, ...peer.drops },
    },
    ...[pair, local, remote].filter((one) => one !== null),
  ];
}

function candidate(type: CandidateStats["type"], text: string, timestamp: number): CandidateStats | null {
  const parsed = parseCandidate(text);
  if (!parsed) return null;
  const { address, port, protocol, priority, foundation } = parsed;
  const id = `${type === "local-candidate" ? "L" : "M"}${foundation}-${address}-${port}`;
  const common = { id, type, timestamp, transportId: TRANSPORT_ID, candidateType: parsed.type };
  return { ...common, address, port, protocol, priority, foundation };
}

function dataChannel(channel: TransportStats["channels"][number], timestamp: number): DataChannelStats {
  const { channel: number, id, ...figures } = channel;
  return { ...figures, id: `D${number}`, type: "data-channel", timestamp, dataChannelIdentifier: id };
}
