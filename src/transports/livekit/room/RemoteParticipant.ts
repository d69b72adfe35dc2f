import type { ParticipantInfo } from "@livekit/protocol";
import { Participant } from "./Participant.ts";
import type { RemoteTrackPublication } from "./RemoteTrackPublication.ts";
import type { TrackSource } from "./values.ts";

/** Somebody else in the room. */
export class RemoteParticipant extends Participant {
  readonly #publications = new Map<string, RemoteTrackPublication>();

  /** For the room. */
  constructor(info: ParticipantInfo) {
    super(info);
  }

  get trackPublications(): ReadonlyMap<string, RemoteTrackPublication> {
    return this.#publications;
  }

  /** The first publication from `source`; undefined when there is none. */
  publicationFrom(source: TrackSource): RemoteTrackPublication | undefined {
    for (const publication of this.#publications.values()) {
      if (publication.source === source) return publication;
    }
    return undefined;
  }

  /** For the room. */
  addPublication(publication: RemoteTrackPublication): void {
    this.#publications.set(publication.sid, publication);
  }

  /** For the room. */
  removePublication(sid: string): void {
    this.#publications.delete(sid);
  }
}
