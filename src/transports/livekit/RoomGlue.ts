import {
  DataChannelReceiveState,
  Encryption_Type,
  type JoinResponse,
  type ReconnectResponse,
  type SignalResponse,
  type TrackInfo,
} from "@livekit/protocol";
import type { LocalTrack, RemoteTrack } from "../../connection/index.ts";
import type { Clock, TroupeError } from "../../core/index.ts";
import type { RoomListener } from "./AttemptContext.ts";
import type { DataKind } from "./DataPath.ts";
import { DataHub, type DataLimits, type DataParticipant, type DataPort } from "./data/index.ts";
import type { LiveKitDriver } from "./driver.ts";
import { EncryptionManager, type EncryptionOptions, type TransformTarget } from "./e2ee/index.ts";
import { encryptionTypeOf, type LocalTrackPublication, RoomModel } from "./room/index.ts";

/** What the glue asks of the connection above it. */
export interface GlueOwner {
  readonly driver: LiveKitDriver | undefined;
  readonly tracks: readonly RemoteTrack[];
  readonly autoSubscribe: boolean;
  readonly encryption?: EncryptionOptions;
  readonly e2ee?: EncryptionOptions;
  readonly dataLimits?: DataLimits;
  readonly clock?: Clock;
}

/** Between the driver below and the room and its data above: each knows nothing of the others. */
export class RoomGlue implements RoomListener {
  readonly model: RoomModel;
  readonly data: DataHub;
  readonly encryption: EncryptionManager;
  readonly #owner: GlueOwner;
  readonly #publishing = new Map<LocalTrack, PromiseWithResolvers<LocalTrackPublication>>();
  /** What ends the wait for the end of a track of ours that is encrypted. */
  readonly #encrypted = new WeakMap<LocalTrack, () => void>();
  #serverVersion: string | undefined;

  constructor(owner: GlueOwner) {
    this.#owner = owner;
    const { autoSubscribe, clock } = owner;
    this.model = new RoomModel({
      signal: { send: (message) => this.#driver.signal(message) },
      autoSubscribe,
      clock,
    });
    this.encryption = new EncryptionManager({
      encryption: owner.encryption,
      e2ee: owner.e2ee,
      localIdentity: () => this.#localIdentity,
    });
    this.data = new DataHub(this.#port(), { clock, limits: owner.dataLimits });
    this.model.on("participantDisconnected", ({ identity, sid }) => this.data.participantLeft(identity, sid));
  }

  /** Resolves once the server has taken the track in. */
  published(track: LocalTrack): Promise<LocalTrackPublication> {
    const waiting = Promise.withResolvers<LocalTrackPublication>();
    this.#publishing.set(track, waiting);
    return waiting.promise.finally(() => this.#publishing.delete(track));
  }

  publishFailed(track: LocalTrack, error: TroupeError): void {
    this.#publishing.get(track)?.reject(error);
  }

  // What the attempt tells

  joined(join: JoinResponse): void {
    const isFirst = !this.model.isJoined;
    // The tracks of the session before have ended with it.
    if (!isFirst) this.encryption.removeTracks();
    this.#serverVersion = join.serverInfo?.version || join.serverVersion || undefined;
    this.encryption.setServerTrailer(join.sifTrailer);
    this.model.joined(join);
    if (!isFirst) this.data.rejoined();
  }

  resumed(reconnect: ReconnectResponse): void {
    this.data.resumed(reconnect.lastMessageSeq);
  }

  response(response: SignalResponse): void {
    this.model.receive(response);
  }

  mediaArrived(trackSid: string, key: string): void {
    const track = this.#owner.tracks.find((one) => one.key === key);
    if (track) this.model.mediaArrived(trackSid, track);
  }

  /** The connection made the object of a track whose media is there already. */
  trackMade(track: RemoteTrack): void {
    const trackSid = this.#owner.driver?.sidOf(track.key);
    if (trackSid) this.model.mediaArrived(trackSid, track);
  }

  mediaGone(trackSid: string): void {
    this.encryption.removeTrack(trackSid);
    this.model.mediaGone(trackSid);
  }

  encrypt(track: LocalTrack, target: TransformTarget): void {
    const sid = this.#owner.driver?.infoOf(track)?.sid ?? track.id;
    this.encryption.addLocalTrack(sid, target);
    this.#encrypted.get(track)?.();
    const off = track.once("ended", () => this.encryption.removeTrack(sid));
    this.#encrypted.set(track, off);
  }

  decrypt(identity: string, { sid, encryption }: TrackInfo, target: TransformTarget): void {
    this.encryption.addRemoteTrack(identity, sid, encryptionTypeOf(encryption), target);
  }

  trackPublished(track: LocalTrack, info: TrackInfo): void {
    this.model.localPublished(info, track);
    const publication = this.model.localParticipant.trackPublications.get(info.sid);
    if (publication) this.#publishing.get(track)?.resolve(publication);
  }

  receive(kind: DataKind, data: Buffer): void {
    if (kind !== "dataTrack") this.data.receive(kind, data);
  }

  dataOpen(): void {
    this.data.wake();
  }

  syncState() {
    return {
      subscription: this.model.subscription,
      trackSidsDisabled: [],
      receiveStates: this.data.lastSequences().map((state) => new DataChannelReceiveState(state)),
    };
  }

  get encryptionType(): Encryption_Type {
    return this.encryption.keyProvider ? Encryption_Type.GCM : Encryption_Type.NONE;
  }

  get #driver(): LiveKitDriver {
    return this.#owner.driver!;
  }

  get #localIdentity(): string {
    return this.model.isJoined ? this.model.localParticipant.identity : "";
  }

  #port(): DataPort {
    const glue = this;
    return {
      get localIdentity() {
        return glue.#localIdentity;
      },
      get localSid() {
        return glue.model.isJoined ? glue.model.localParticipant.sid : "";
      },
      get isConnected() {
        return glue.#owner.driver?.isDataOpen ?? false;
      },
      get serverVersion() {
        return glue.#serverVersion;
      },
      encryption: this.encryption.dataEncryption,
      participants: () => [...this.model.remoteParticipants.values()] satisfies DataParticipant[],
      send: (kind, packet) => this.#driver.sendData(kind, packet),
    };
  }
}
