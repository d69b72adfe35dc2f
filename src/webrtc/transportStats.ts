import type {
  PeerStats,
  TransportCandidate,
  TransportCertificate,
  TransportFeedbackStats,
  TransportPairChecks,
  TransportStats,
  TransportTraffic,
} from "../native/index.ts";
import { parseCandidate } from "./sdp/candidates.ts";

/** What every object of a report has. Times in seconds and ids as WebRTC's statistics have them. */
export interface Identified<Type extends string> {
  id: string;
  type: Type;
  /** Milliseconds since 1970. */
  timestamp: number;
}

interface PeerConnectionStats extends Identified<"peer-connection"> {
  dataChannelsOpened: number;
  dataChannelsClosed: number;
}

/** What is optional here is there once it is known, here as in the others. */
interface TransportStatsObject extends Identified<"transport"> {
  bytesSent: number;
  bytesReceived: number;
  packetsSent: number;
  packetsReceived: number;
  iceState: string;
  iceRole: string;
  iceLocalUsernameFragment?: string;
  dtlsState: string;
  dtlsRole: string;
  /** Its two bytes in hexadecimal: `FEFD` is DTLS 1.2. */
  tlsVersion?: string;
  /** In the words of IANA's registries. */
  dtlsCipher?: string;
  srtpCipher?: string;
  localCertificateId?: string;
  remoteCertificateId?: string;
  selectedCandidatePairId?: string;
  selectedCandidatePairChanges: number;
  /** Ours: what the transport and the engine dropped, by reason. */
  drops: Record<string, number>;
  /** Ours: transport-wide feedback, both ways. */
  transportFeedback: TransportFeedbackStats;
}

/** The selected pair; its traffic counts from its selection on. */
interface CandidatePairStats
  extends Identified<"candidate-pair">,
    TransportTraffic,
    Partial<TransportPairChecks> {
  transportId: string;
  localCandidateId: string;
  remoteCandidateId: string;
  state: "succeeded" | "failed";
  nominated: true;
  /** Milliseconds since 1970. */
  lastPacketSentTimestamp?: number;
  lastPacketReceivedTimestamp?: number;
}

interface CandidateStats extends Identified<"local-candidate" | "remote-candidate"> {
  transportId: string;
  address: string;
  port: number;
  protocol: string;
  candidateType: string;
  priority: number;
  foundation: string;
  usernameFragment?: string;
  relatedAddress?: string;
  relatedPort?: number;
  tcpType?: string;
  url?: string;
  relayProtocol?: string;
}

type CertificateStats = Identified<"certificate"> & TransportCertificate;

interface DataChannelStats extends Identified<"data-channel"> {
  label: string;
  protocol: string;
  dataChannelIdentifier?: number;
  state: string;
  messagesSent: number;
  messagesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Ours: bytes that wait to be sent. */
  bufferedAmount: number;
}

export type TransportObject =
  | PeerConnectionStats
  | TransportStatsObject
  | CandidatePairStats
  | CandidateStats
  | CertificateStats
  | DataChannelStats;

export const TRANSPORT_ID = "T";

/** The objects of everything below the streams. */
export function transportObjects(
  peer: PeerStats,
  stats: TransportStats,
  timestamp: number,
): TransportObject[] {
  const locals = candidates("local-candidate", stats, timestamp);
  const remotes = candidates("remote-candidate", stats, timestamp);
  const pair = selectedPair(stats, timestamp);
  const certificates = [stats.localCertificate, stats.remoteCertificate]
    .filter(({ fingerprint }) => fingerprint !== "")
    .map((one): CertificateStats => ({ ...one, id: certificateId(one), type: "certificate", timestamp }));
  const { dataChannelsOpened, dataChannelsClosed } = stats;
  return distinct([
    { id: "PC", type: "peer-connection", timestamp, dataChannelsOpened, dataChannelsClosed },
    transport(peer, stats, pair?.id ?? "", timestamp),
    ...(pair ? [pair] : []),
    ...locals,
    ...remotes,
    ...certificates,
    ...stats.channels.map((channel) => dataChannel(channel, timestamp)),
  ]);
}

function transport(
  peer: PeerStats,
  stats: TransportStats,
  pairId: string,
  timestamp: number,
): TransportStatsObject {
  const { bytesSent, bytesReceived, packetsSent, packetsReceived } = stats;
  const { iceState, dtlsState, dtlsRole, selectedCandidatePairChanges } = stats;
  const { iceLocalUsernameFragment, tlsVersion, dtlsCipher, srtpCipher } = stats;
  return {
    ...{ id: TRANSPORT_ID, type: "transport", timestamp },
    ...{ bytesSent, bytesReceived, packetsSent, packetsReceived },
    ...{ iceState, dtlsState, dtlsRole, selectedCandidatePairChanges },
    iceRole: stats.iceRole || "unknown",
    ...known({
      ...{ iceLocalUsernameFragment, tlsVersion, dtlsCipher, srtpCipher },
      localCertificateId: certificateId(stats.localCertificate),
      remoteCertificateId: certificateId(stats.remoteCertificate),
      selectedCandidatePairId: pairId,
    }),
    drops: { ...stats.drops, ...peer.drops },
    transportFeedback: peer.transportFeedback,
  };
}

function selectedPair(stats: TransportStats, timestamp: number): CandidatePairStats | null {
  const local = selectedCandidate("local-candidate", stats, timestamp);
  const remote = selectedCandidate("remote-candidate", stats, timestamp);
  if (!local || !remote) return null;
  const { sinceLastPacketMs: received, sinceLastSentPacketMs: sent } = stats;
  const { checks, ...pair } = stats.pair;
  return {
    ...pair,
    ...given(checks),
    id: `P${local.id}-${remote.id}`,
    type: "candidate-pair",
    timestamp,
    transportId: TRANSPORT_ID,
    localCandidateId: local.id,
    remoteCandidateId: remote.id,
    state: stats.iceState === "failed" ? "failed" : "succeeded",
    nominated: true,
    ...(pair.packetsSent > 0 && sent >= 0 ? { lastPacketSentTimestamp: timestamp - sent } : {}),
    ...(pair.packetsReceived > 0 && received >= 0
      ? { lastPacketReceivedTimestamp: timestamp - received }
      : {}),
  };
}

/** Nothing where nobody asks, by a relay or TCP; times once there is one. */
function given({ currentRoundTripTime, totalRoundTripTime, ...counts }: TransportPairChecks) {
  if (counts.consentRequestsSent === 0) return {};
  return counts.responsesReceived === 0 ? counts : { ...counts, currentRoundTripTime, totalRoundTripTime };
}

/** All candidates of one side, that of the selected pair among them. */
function candidates(
  type: CandidateStats["type"],
  stats: TransportStats,
  timestamp: number,
): CandidateStats[] {
  const isLocal = type === "local-candidate";
  const ufrag = isLocal ? stats.iceLocalUsernameFragment : stats.iceRemoteUsernameFragment;
  const all = isLocal ? stats.localCandidates : stats.remoteCandidates;
  const objects = all.map((one) => candidate(type, one, ufrag, timestamp));
  return [...objects, selectedCandidate(type, stats, timestamp)].filter((one) => one !== null);
}

function selectedCandidate(
  type: CandidateStats["type"],
  stats: TransportStats,
  timestamp: number,
): CandidateStats | null {
  return type === "local-candidate"
    ? candidate(type, { candidate: stats.localCandidate }, stats.localCandidateUfrag, timestamp)
    : candidate(type, { candidate: stats.remoteCandidate }, stats.remoteCandidateUfrag, timestamp);
}

function candidate(
  type: CandidateStats["type"],
  { candidate: text, url = "", relayProtocol = "" }: Partial<TransportCandidate>,
  usernameFragment: string,
  timestamp: number,
): CandidateStats | null {
  const parsed = parseCandidate(text ?? "");
  if (!parsed) return null;
  const { component: _, type: candidateType, ...fields } = parsed;
  const { foundation, protocol, address, port, tcpType = "" } = parsed;
  const side = type === "local-candidate" ? "L" : "M";
  return {
    id: [`${side}${usernameFragment}`, foundation, protocol, tcpType, address, port].join("-"),
    type,
    timestamp,
    transportId: TRANSPORT_ID,
    candidateType,
    ...fields,
    ...known({ usernameFragment, url, relayProtocol }),
  };
}

function certificateId({ fingerprint }: TransportCertificate): string {
  return fingerprint && `F${fingerprint.replaceAll(":", "")}`;
}

function dataChannel(channel: TransportStats["channels"][number], timestamp: number): DataChannelStats {
  const { channel: number, id, ...figures } = channel;
  return {
    ...figures,
    id: `D${number}`,
    type: "data-channel",
    timestamp,
    ...(id >= 0 ? { dataChannelIdentifier: id } : {}),
  };
}

/** Leaves out what is empty. */
function known<Fields extends Record<string, string>>(fields: Fields): Partial<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "")) as Partial<Fields>;
}

/** One object an id: two ends of one process have the same certificate. */
function distinct(objects: TransportObject[]): TransportObject[] {
  const first = new Map<string, TransportObject>();
  for (const object of objects) if (!first.has(object.id)) first.set(object.id, object);
  return [...first.values()];
}
