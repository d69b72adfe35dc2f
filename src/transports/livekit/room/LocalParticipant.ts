import type { ParticipantInfo } from "@livekit/protocol";
import type { LocalTrackPublication } from "./LocalTrackPublication.ts";
import { Participant } from "./Participant.ts";
import type { TrackPermissions } from "./TrackPermissions.ts";
import type { TrackSource } from "./values.ts";

/** What a participant says of itself; a field left out stays as it is. */
export interface ParticipantUpdate {
  metadata?: string;
  name?: string;
  /** A key with `""` is removed, keys left out stay. */
  attributes?: Record<string, string>;
}

/** What a local participant asks of its room. */
export interface LocalParticipantRoom {
  update(change: ParticipantUpdate, signal?: AbortSignal): Promise<void>;
  permit(permissions: TrackPermissions): void;
}

/** We ourselves in the room. */
export class LocalParticipant extends Participant {
  readonly #room: LocalParticipantRoom;
  readonly #publications = new Map<string, LocalTrackPublication>();

  /** For the room. */
  constructor(info: ParticipantInfo, room: LocalParticipantRoom) {
    super(info);
    this.#room = room;
  }

  get trackPublications(): ReadonlyMap<string, LocalTrackPublication> {
    return this.#publications;
  }

  /** The first publication from `source`; undefined when there is none. */
  publicationFrom(source: TrackSource): LocalTrackPublication | undefined {
    for (const publication of this.#publications.values()) {
      if (publication.source === source) return publication;
    }
    return undefined;
  }

  /**
   * Sets the metadata and waits until the server has taken it. The token needs the grant `canUpdateOwnMetadata`.
   * The server cannot be told to forget it: `""` leaves it as it is.
   *
   * @throws TroupeError ACCESS_DENIED without the grant, INVALID_OPTION when it is too long, TIMEOUT after 5 s,
   * CANCELLED, INVALID_STATE while there is no room, CLOSED.
   */
  async setMetadata(metadata: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#room.update({ metadata }, options.signal);
  }

  /** Sets the name; otherwise like {@link LocalParticipant.setMetadata}. */
  async setName(name: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#room.update({ name }, options.signal);
  }

  /**
   * Sets these attributes and leaves the others as they are; `""` removes one. Otherwise like
   * {@link LocalParticipant.setMetadata}.
   */
  async setAttributes(
    attributes: Record<string, string>,
    options: { signal?: AbortSignal } = {},
  ): Promise<void> {
    await this.#room.update({ attributes }, options.signal);
  }

  /**
   * Says who may subscribe to what we publish; kept over reconnects.
   *
   * @throws TroupeError INVALID_OPTION when a permission names nobody.
   */
  setTrackSubscriptionPermissions(permissions: TrackPermissions): void {
    this.#room.permit(permissions);
  }

  /** For the room. */
  addPublication(publication: LocalTrackPublication): void {
    this.#publications.set(publication.sid, publication);
  }

  /** For the room. */
  removePublication(sid: string): void {
    this.#publications.delete(sid);
  }
}
