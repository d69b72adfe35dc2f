import type { TrackInfo } from "@livekit/protocol";
import type { RemoteTrack } from "../../../connection/index.ts";
import { TrackPublication } from "./TrackPublication.ts";
import type { StreamState } from "./values.ts";

/** A track that somebody else publishes. */
export class RemoteTrackPublication extends TrackPublication {
  readonly #subscribe: (publication: RemoteTrackPublication, subscribed: boolean) => void;
  #track: RemoteTrack | undefined;
  #desired: boolean;
  #allowed = true;
  #streamState: StreamState = "unknown";

  /** For the room. */
  constructor(
    info: TrackInfo,
    desired: boolean,
    subscribe: (publication: RemoteTrackPublication, subscribed: boolean) => void,
  ) {
    super(info);
    this.#desired = desired;
    this.#subscribe = subscribe;
  }

  /** What brings its audio; undefined while it is not subscribed. */
  get track(): RemoteTrack | undefined {
    return this.#track;
  }

  /** Whether its media comes; `trackSubscribed` and `trackUnsubscribed` tell of changes. */
  get subscribed(): boolean {
    return this.#track !== undefined;
  }

  /** Whether we want it, which is not yet to have it. */
  get desired(): boolean {
    return this.#desired;
  }

  /** Whether the publisher lets us subscribe. */
  get allowed(): boolean {
    return this.#allowed;
  }

  /** `unknown` before it is subscribed. */
  get streamState(): StreamState {
    return this.#streamState;
  }

  /** Asks for its media, or for no more of it; kept over reconnects. The events tell when it is so. */
  setSubscribed(subscribed: boolean): void {
    this.#desired = subscribed;
    this.#subscribe(this, subscribed);
  }

  /** For the room. */
  setTrack(track: RemoteTrack | undefined): void {
    this.#track = track;
    this.#streamState = track ? "active" : "unknown";
  }

  /** For the room. */
  setAllowed(allowed: boolean): void {
    this.#allowed = allowed;
  }

  /** For the room. */
  setStreamState(state: StreamState): void {
    this.#streamState = state;
  }
}
