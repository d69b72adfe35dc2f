// Offer and answer over one bundled transport: sessions, transceivers, statistics, and the transport port.
export { NativePeerTransport } from "./NativePeerTransport.ts";
export { hasRelay, networkSchema, transportOptionsOf } from "./network.ts";
export type {
  IceRestart,
  PeerTransport,
  TransportChannel,
  TransportChannelEvents,
} from "./PeerTransport.ts";
export { Session } from "./Session.ts";
export { engineCodec, OPUS, RED, VIDEO_CODECS } from "./sdp/codecs.ts";
export type { StatsReport } from "./stats.ts";
export type {
  AnswerChoice,
  MediaKind,
  OfferedLine,
  SdpCodec,
  Transceiver,
} from "./types.ts";
