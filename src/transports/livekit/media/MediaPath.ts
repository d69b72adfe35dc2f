import type { AddTrackRequest, DataChannelInfo, SessionDescription, TrickleRequest } from "@livekit/protocol";
import type { LocalTrack, StatsEntry } from "../../../connection/index.ts";
import type { Clock, Logger, TroupeError } from "../../../core/index.ts";
import type { EngineReceiver, EngineSender } from "../../../media/index.ts";
import type { SdpCodec } from "../../../webrtc/index.ts";
import type { DataKind, DataPath } from "../DataPath.ts";
import type { TransformTarget } from "../e2ee/index.ts";
import type { LiveKitSettings } from "../options.ts";
import type { SignalMessage } from "../signal/SignalClient.ts";

export type RtcConfiguration = LiveKitSettings["rtcConfiguration"];

/** The statistics of a connection by the direction that they are of. */
export interface RtcStats {
  publisherStats: StatsEntry[];
  subscriberStats: StatsEntry[];
}

/** What a media path tells its owner. */
export interface MediaListener {
  send(message: SignalMessage): void;
  /** Our first offer is answered. */
  negotiated(): void;
  /** `connected` once audio can flow both ways, `failed` when ICE or DTLS gave up. */
  state(state: string, reason: string): void;
  liveness(state: "flowing" | "stalled"): void;
  /** The machine's network changed, and the address that media took is gone: new sockets alone help. */
  pathLost(): void;
  /** It has no producer yet: what encrypts it is set first. */
  senderReady(track: LocalTrack, sender: EngineSender, target: TransformTarget): void;
  senderGone(track: LocalTrack): void;
  /** `receiver` brings the server's track of this sid from now on. */
  receiverReady(trackSid: string, receiver: EngineReceiver, target: TransformTarget): void;
  receiverGone(trackSid: string): void;
  data(kind: DataKind, data: Buffer): void;
  dataOpen(): void;
  failed(error: TroupeError): void;
}

export interface MediaParts {
  clock: Clock;
  log: Logger;
  configuration: RtcConfiguration;
}

/** Audio and data of one membership, over one peer connection or two. */
export interface MediaPath {
  readonly data: DataPath;
  /** `stalled` where packets stay away that should come. */
  readonly liveness: "flowing" | "stalled";
  readonly isConnected: boolean;
  /** Whether the server has to take part, by a resume, where the path is to be found anew. */
  readonly needsResume: boolean;
  /** What SyncState carries of the last exchange. */
  readonly descriptions: { offer: SessionDescription | undefined; answer: SessionDescription | undefined };
  readonly channels: DataChannelInfo[];
  /** Makes the data channels and room for `tracks` that others send already, and offers. */
  start(tracks: number): void;
  /** Announces a track of ours and offers it. */
  publish(track: LocalTrack, codecs: SdpCodec[], request: (cid: string) => AddTrackRequest): void;
  unpublish(track: LocalTrack): void;
  /** The cid under which a track was announced. */
  cidOf(track: LocalTrack): string | undefined;
  trackOfCid(cid: string): LocalTrack | undefined;
  /** The server wants that many more m-lines to send on, and an offer in any case. */
  requireSections(audios: number): void;
  /** Offers with new ICE credentials at once, in place of an offer that the server may never have seen. */
  restart(): void;
  /** The signalling is gone: the offer under way waits for {@link MediaPath.reoffer}, and its deadline too. */
  hold(): void;
  /** The signalling is back: an offer that was under way is made again. */
  reoffer(): void;
  /** False for one that is of no use: to an earlier offer, or one that cannot be read. */
  acceptAnswer(answer: SessionDescription): boolean;
  acceptOffer(offer: SessionDescription): void;
  addRemoteCandidate(trickle: TrickleRequest): void;
  getStats(): StatsEntry[];
  getRtcStats(): RtcStats;
  close(): void;
}
