import {
  Encryption_Type,
  MuteTrackRequest,
  type RequestResponse,
  RequestResponse_Reason,
  type TrackInfo,
  TrackPublishedResponse,
} from "@livekit/protocol";
import type { LocalTrack } from "../../connection/index.ts";
import type { RoomListener } from "./AttemptContext.ts";
import { addTrackRequest, audioCodecs } from "./announcement.ts";
import { PublishTrackError } from "./errors.ts";
import type { MediaPath } from "./media/MediaPath.ts";
import type { AudioPublishSettings } from "./options.ts";
import type { Outbox } from "./signal/Outbox.ts";

/** What we publish in one membership, and what the server knows of it. */
export class LocalTracks {
  readonly #room: RoomListener;
  readonly #outbox: Outbox;
  readonly #infos = new Map<LocalTrack, TrackInfo>();
  #media: MediaPath | undefined;

  constructor(room: RoomListener, outbox: Outbox) {
    this.#room = room;
    this.#outbox = outbox;
  }

  /** What carries them; before there is any, nothing is published. */
  use(media: MediaPath): void {
    this.#media = media;
  }

  publish(track: LocalTrack): void {
    const options = track.options as AudioPublishSettings;
    const encryption = this.#room.encryptionType;
    // Encrypted frames are not repeated: the other SDKs do not unpack them.
    const settings = { ...options, red: options.red && encryption === Encryption_Type.NONE };
    this.#media?.publish(track, audioCodecs(settings), (cid) =>
      addTrackRequest(settings, { cid, muted: track.muted, encryption }),
    );
  }

  unpublish(track: LocalTrack): void {
    this.#infos.delete(track);
    this.#media?.unpublish(track);
  }

  tellMuted(track: LocalTrack): void {
    const sid = this.#infos.get(track)?.sid;
    if (sid) this.#outbox.send({ case: "mute", value: new MuteTrackRequest({ sid, muted: track.muted }) });
  }

  /** What the server knows of a track; undefined before it answered. */
  infoOf(track: LocalTrack): TrackInfo | undefined {
    return this.#infos.get(track);
  }

  /** Everything that the server took, as a resume says it again. */
  get published(): TrackPublishedResponse[] {
    return [...this.#infos].map(
      ([track, info]) => new TrackPublishedResponse({ cid: this.#media?.cidOf(track) ?? "", track: info }),
    );
  }

  /** The server took one. */
  taken({ cid, track: info }: TrackPublishedResponse): void {
    const track = this.#media?.trackOfCid(cid);
    if (!track || !info) return;
    this.#infos.set(track, info);
    this.#room.trackPublished(track, info);
    if (track.muted !== info.muted) this.tellMuted(track);
  }

  /** The server answered a request: a track that it refused ends. */
  answered({ reason, message, request }: RequestResponse): void {
    const failed = reason !== RequestResponse_Reason.OK && reason !== RequestResponse_Reason.QUEUED;
    if (!failed || request.case !== "addTrack") return;
    const track = this.#media?.trackOfCid(request.value.cid);
    if (!track) return;
    const denied = reason === RequestResponse_Reason.NOT_ALLOWED;
    const why = message || RequestResponse_Reason[reason];
    const error = new PublishTrackError(
      denied ? "ACCESS_DENIED" : "NEGOTIATION_FAILED",
      `The server did not take the track: ${why}`,
    );
    this.#room.publishFailed(track, error);
    track.unpublish();
  }
}
