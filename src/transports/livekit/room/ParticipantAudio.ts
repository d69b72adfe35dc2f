import type { RemoteTrack } from "../../../connection/index.ts";
import { TroupeError, TypedEvents } from "../../../core/index.ts";
import type { AudioProducer, EngineProducer, ProducerEvents } from "../../../media/index.ts";
import type { RoomEvents } from "./events.ts";
import type { RemoteParticipant } from "./RemoteParticipant.ts";
import type { RemoteTrackPublication } from "./RemoteTrackPublication.ts";
import type { RoomConnectionState, TrackSource } from "./values.ts";

/** The room as it is needed here: a connection to it, or its model. */
export interface ParticipantAudioRoom {
  readonly remoteParticipants: ReadonlyMap<string, RemoteParticipant>;
  on<Name extends keyof RoomEvents & string>(
    name: Name,
    listener: (...args: RoomEvents[Name]) => void,
  ): () => void;
}

/**
 * What one participant sends from one source, whichever track brings it: it follows tracks that are published anew,
 * is silent while there is none, and ends when the participant leaves. A sink on it closes after its `detachedMs`
 * without a track.
 *
 * @example
 * const audio = new ParticipantAudio(room, "alice", "microphone");
 * for await (const frame of new AudioSink(audio)) hear(frame);
 */
export class ParticipantAudio implements AudioProducer {
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  readonly participantIdentity: string;
  readonly source: TrackSource;
  readonly #offs: (() => void)[];
  #track: RemoteTrack | undefined;
  #offTrack: (() => void)[] = [];
  #ended = false;

  /** @throws TroupeError INVALID_OPTION when nobody in the room has this identity. */
  constructor(room: ParticipantAudioRoom, participantIdentity: string, source: TrackSource) {
    const participant = room.remoteParticipants.get(participantIdentity);
    if (!participant) {
      throw TroupeError.expected(
        "INVALID_OPTION",
        "participantIdentity",
        "the identity of somebody in the room",
        participantIdentity,
      );
    }
    this.participantIdentity = participantIdentity;
    this.source = source;
    this.#offs = [
      room.on("trackSubscribed", (track, publication, of) => {
        if (of === participant && this.#isWanted(publication)) this.#follow(track);
      }),
      room.on("trackUnsubscribed", (track) => {
        if (track === this.#track) this.#follow(this.#trackOf(participant));
      }),
      room.on("participantDisconnected", (gone) => {
        if (gone === participant) this.close();
      }),
      room.on("connectionStateChanged", (state: RoomConnectionState) => {
        if (state === "disconnected") this.close();
      }),
    ];
    this.#follow(this.#trackOf(participant));
  }

  /** The track that brings it now. */
  get track(): RemoteTrack | undefined {
    return this.#track;
  }

  get producer(): EngineProducer | null {
    return this.#track?.producer ?? null;
  }

  get producerEnded(): boolean {
    return this.#ended;
  }

  /** Follows no more; what listens to it is told that it ended. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#follow(undefined);
    for (const off of this.#offs.splice(0)) off();
    this.producerEvents.emit("ended");
    this.producerEvents.removeAllListeners();
  }

  #isWanted({ kind, source }: RemoteTrackPublication): boolean {
    return kind === "audio" && source === this.source;
  }

  #trackOf(participant: RemoteParticipant): RemoteTrack | undefined {
    for (const publication of participant.trackPublications.values()) {
      if (publication.track && this.#isWanted(publication)) return publication.track;
    }
    return undefined;
  }

  #follow(track: RemoteTrack | undefined): void {
    if (track === this.#track) return;
    for (const off of this.#offTrack.splice(0)) off();
    this.#track = track;
    this.#offTrack = track
      ? [
          track.producerEvents.on("changed", (producer) => this.producerEvents.emit("changed", producer)),
          track.producerEvents.on("flow", (state) => this.producerEvents.emit("flow", state)),
        ]
      : [];
    this.producerEvents.emit("changed", this.producer);
  }
}
