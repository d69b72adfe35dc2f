import { type ParticipantInfo, ParticipantInfo_State, type TrackInfo, TrackType } from "@livekit/protocol";
import type { RemoteTrack } from "../../../connection/index.ts";
import type { TypedEvents } from "../../../core/index.ts";
import { applyInfo } from "./changes.ts";
import type { RoomEvents } from "./events.ts";
import { RemoteParticipant } from "./RemoteParticipant.ts";
import { RemoteTrackPublication } from "./RemoteTrackPublication.ts";

/** Tracks whose media came before the word of who publishes them; older ones are let go of. */
const MAXIMUM_EARLY_MEDIA = 256;

/** A publication and who publishes it. */
export interface Published {
  participant: RemoteParticipant;
  publication: RemoteTrackPublication;
}

/** The others in a room, what they publish, and what of it we receive. */
export class Roster {
  readonly #events: TypedEvents<RoomEvents>;
  readonly #autoSubscribe: boolean;
  readonly #subscribe: (publication: RemoteTrackPublication, subscribed: boolean) => void;
  readonly #participants = new Map<string, RemoteParticipant>();
  readonly #earlyMedia = new Map<string, RemoteTrack>();

  constructor(
    events: TypedEvents<RoomEvents>,
    autoSubscribe: boolean,
    subscribe: (publication: RemoteTrackPublication, subscribed: boolean) => void,
  ) {
    this.#events = events;
    this.#autoSubscribe = autoSubscribe;
    this.#subscribe = subscribe;
  }

  /** By identity. */
  get participants(): ReadonlyMap<string, RemoteParticipant> {
    return this.#participants;
  }

  withSid(sid: string): RemoteParticipant | undefined {
    for (const participant of this.#participants.values()) if (participant.sid === sid) return participant;
    return undefined;
  }

  find(trackSid: string): Published | undefined {
    for (const participant of this.#participants.values()) {
      const publication = participant.trackPublications.get(trackSid);
      if (publication) return { participant, publication };
    }
    return undefined;
  }

  /** The tracks whose subscription is not what the room does by itself. */
  get exceptions(): string[] {
    return [...this.#participants.values()].flatMap(({ trackPublications }) =>
      [...trackPublications.values()]
        .filter(({ desired }) => desired !== this.#autoSubscribe)
        .map(({ sid }) => sid),
    );
  }

  /** Those who are there when we come: nobody is told of them. */
  fill(infos: readonly ParticipantInfo[]): void {
    for (const info of infos) {
      const participant = new RemoteParticipant(info);
      this.#participants.set(info.identity, participant);
      for (const track of info.tracks) this.#publish(participant, track);
    }
  }

  /** Those who are there after we came back: tells what is different. */
  replace(infos: readonly ParticipantInfo[]): void {
    const here = new Map(infos.map((info) => [info.identity, info.sid]));
    for (const participant of [...this.#participants.values()]) {
      if (here.get(participant.identity) !== participant.sid) this.#leave(participant, participant.info);
    }
    for (const info of infos) this.update(info, true);
  }

  /** What the server says of one participant. */
  update(info: ParticipantInfo, isFresh = false): void {
    // Servers before 1.5.2 leave the identity out when somebody leaves.
    const known = this.#participants.get(info.identity) ?? this.withSid(info.sid);
    if (info.state === ParticipantInfo_State.DISCONNECTED) {
      if (known?.sid === info.sid) this.#leave(known, info);
      return;
    }
    if (known && known.sid !== info.sid) this.#leave(known, known.info);
    if (known?.sid === info.sid) this.#change(known, info, isFresh);
    else this.#join(info);
  }

  /** Everybody is gone, as when we were moved to another room. */
  clear(): void {
    for (const participant of [...this.#participants.values()]) this.#leave(participant, participant.info);
  }

  /** The connection is over: nothing comes any more, but who was there can still be read. */
  end(): void {
    this.#earlyMedia.clear();
    for (const participant of this.#participants.values()) {
      for (const publication of participant.trackPublications.values()) {
        this.#detach({ participant, publication });
      }
    }
  }

  mediaArrived(trackSid: string, track: RemoteTrack): void {
    const published = this.find(trackSid);
    if (published) {
      this.#attach(published, track);
      return;
    }
    this.#earlyMedia.set(trackSid, track);
    const [oldest] = this.#earlyMedia.keys();
    if (oldest !== undefined && this.#earlyMedia.size > MAXIMUM_EARLY_MEDIA) this.#earlyMedia.delete(oldest);
  }

  mediaGone(trackSid: string): void {
    this.#earlyMedia.delete(trackSid);
    const published = this.find(trackSid);
    if (published) this.#detach(published);
  }

  #join(info: ParticipantInfo): void {
    const participant = new RemoteParticipant(info);
    this.#participants.set(info.identity, participant);
    this.#events.emit("participantConnected", participant);
    if (participant.isActive) this.#events.emit("participantActive", participant);
    for (const track of info.tracks) this.#publish(participant, track, true);
  }

  #leave(participant: RemoteParticipant, info: ParticipantInfo): void {
    for (const publication of [...participant.trackPublications.values()]) {
      this.#unpublish({ participant, publication });
    }
    this.#participants.delete(participant.identity);
    const last = participant.info.clone();
    last.state = ParticipantInfo_State.DISCONNECTED;
    last.disconnectReason = info.disconnectReason;
    last.tracks = [];
    participant.setInfo(last);
    participant.setSpeaking(0, false);
    this.#events.emit("participantDisconnected", participant);
  }

  #change(participant: RemoteParticipant, info: ParticipantInfo, isFresh: boolean): void {
    const wasActive = participant.isActive;
    if (!applyInfo(this.#events, participant, info, isFresh)) return;
    if (participant.isActive && !wasActive) this.#events.emit("participantActive", participant);
    const sids = new Set(info.tracks.map(({ sid }) => sid));
    for (const track of info.tracks) {
      const publication = participant.trackPublications.get(track.sid);
      if (publication) this.#changePublication({ participant, publication }, track);
      else this.#publish(participant, track, true);
    }
    for (const publication of [...participant.trackPublications.values()]) {
      if (!sids.has(publication.sid)) this.#unpublish({ participant, publication });
    }
  }

  #publish(participant: RemoteParticipant, info: TrackInfo, isTold = false): void {
    if (info.type === TrackType.DATA) return;
    const publication = new RemoteTrackPublication(info, this.#autoSubscribe, this.#subscribe);
    participant.addPublication(publication);
    if (isTold) this.#events.emit("trackPublished", publication, participant);
    const early = this.#earlyMedia.get(info.sid);
    this.#earlyMedia.delete(info.sid);
    if (early) this.#attach({ participant, publication }, early);
  }

  #changePublication({ participant, publication }: Published, info: TrackInfo): void {
    const wasMuted = publication.muted;
    publication.setInfo(info);
    if (wasMuted === info.muted) return;
    this.#events.emit(info.muted ? "trackMuted" : "trackUnmuted", participant, publication);
  }

  #unpublish(published: Published): void {
    const { participant, publication } = published;
    this.#detach(published);
    participant.removePublication(publication.sid);
    this.#events.emit("trackUnpublished", publication, participant);
  }

  #attach(published: Published, track: RemoteTrack): void {
    const { participant, publication } = published;
    if (publication.track === track) return;
    this.#detach(published);
    publication.setTrack(track);
    this.#events.emit("trackSubscribed", track, publication, participant);
  }

  #detach({ participant, publication }: Published): void {
    const { track } = publication;
    if (!track) return;
    publication.setTrack(undefined);
    this.#events.emit("trackUnsubscribed", track, publication, participant);
  }
}
