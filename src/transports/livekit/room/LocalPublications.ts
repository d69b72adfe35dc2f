import type { TrackInfo } from "@livekit/protocol";
import type { LocalTrack } from "../../../connection/index.ts";
import type { TypedEvents } from "../../../core/index.ts";
import type { RoomEvents } from "./events.ts";
import type { LocalParticipant } from "./LocalParticipant.ts";
import { LocalTrackPublication } from "./LocalTrackPublication.ts";

/** What we publish in a room. */
export class LocalPublications {
  readonly #events: TypedEvents<RoomEvents>;
  readonly #stops = new Map<LocalTrackPublication, () => void>();

  constructor(events: TypedEvents<RoomEvents>) {
    this.#events = events;
  }

  /** The server took the track in, for the first time or anew; gives its sid before, where it had another one. */
  published(participant: LocalParticipant, info: TrackInfo, track: LocalTrack): string | undefined {
    const before = [...this.#stops.keys()].find((publication) => publication.track === track);
    if (before) return this.#renew(participant, before, info);
    const publication = new LocalTrackPublication(info, track, () =>
      this.#followMute(participant, publication),
    );
    this.#setInfo(publication, info);
    participant.addPublication(publication);
    this.#watch(participant, publication);
    this.#events.emit("localTrackPublished", publication, track);
    return undefined;
  }

  /** The server's word of our own tracks; whether one is muted is ours to say. */
  changed(participant: LocalParticipant, infos: readonly TrackInfo[]): void {
    for (const info of infos) {
      const publication = participant.trackPublications.get(info.sid);
      if (publication) this.#setInfo(publication, info);
    }
  }

  /** The server took a track back: it is not published again. */
  revoked(participant: LocalParticipant, trackSid: string): void {
    const publication = participant.trackPublications.get(trackSid);
    if (!publication) return;
    this.#forget(participant, publication);
    publication.unpublish();
  }

  /** The server muted a track of ours, or allows it again. */
  mutedByServer(participant: LocalParticipant, trackSid: string, muted: boolean): void {
    const publication = participant.trackPublications.get(trackSid);
    if (muted) publication?.mute();
    else publication?.unmute();
  }

  subscribed(participant: LocalParticipant, trackSid: string): void {
    const publication = participant.trackPublications.get(trackSid);
    if (!publication) return;
    publication.settleSubscription(true);
    this.#events.emit("localTrackSubscribed", publication.track, publication);
  }

  /** The connection is over. */
  end(participant: LocalParticipant): void {
    for (const publication of [...this.#stops.keys()]) this.#forget(participant, publication);
  }

  #renew(
    participant: LocalParticipant,
    publication: LocalTrackPublication,
    info: TrackInfo,
  ): string | undefined {
    const previousSid = publication.sid;
    if (previousSid !== info.sid) participant.removePublication(previousSid);
    this.#setInfo(publication, info);
    participant.addPublication(publication);
    if (previousSid === info.sid) return undefined;
    this.#events.emit("localTrackRepublished", publication, previousSid);
    return previousSid;
  }

  #watch(participant: LocalParticipant, publication: LocalTrackPublication): void {
    const { track } = publication;
    const offs = [
      track.on("state", () => this.#followMute(participant, publication)),
      track.on("ended", () => this.#forget(participant, publication)),
    ];
    this.#stops.set(publication, () => {
      for (const off of offs) off();
    });
  }

  #setInfo(publication: LocalTrackPublication, info: TrackInfo): void {
    publication.setInfo(info);
    publication.setMuted(publication.track.muted);
  }

  #followMute(participant: LocalParticipant, publication: LocalTrackPublication): void {
    const { muted } = publication.track;
    if (muted === publication.muted) return;
    publication.setMuted(muted);
    this.#events.emit(muted ? "trackMuted" : "trackUnmuted", participant, publication);
  }

  #forget(participant: LocalParticipant, publication: LocalTrackPublication): void {
    const stop = this.#stops.get(publication);
    if (!stop) return;
    stop();
    this.#stops.delete(publication);
    this.#events.emit("localTrackUnpublished", publication);
    participant.removePublication(publication.sid);
    publication.settleSubscription(false);
  }
}
