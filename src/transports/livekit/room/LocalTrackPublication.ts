import type { TrackInfo } from "@livekit/protocol";
import type { LocalTrack } from "../../../connection/index.ts";
import { TrackPublication } from "./TrackPublication.ts";

/**
 * A track that we publish. It stays the same object over a full reconnect, after which it has another sid:
 * `localTrackRepublished` tells of it.
 */
export class LocalTrackPublication extends TrackPublication {
  readonly track: LocalTrack;
  readonly #onMuted: () => void;
  readonly #subscribed = Promise.withResolvers<boolean>();

  /** For the room. */
  constructor(info: TrackInfo, track: LocalTrack, onMuted: () => void) {
    super(info);
    this.track = track;
    this.#onMuted = onMuted;
  }

  /**
   * Waits until somebody subscribes for the first time. Never rejects: gives false when the track was unpublished
   * or the connection ended before anybody did.
   */
  waitForSubscription(): Promise<boolean> {
    return this.#subscribed.promise;
  }

  /** Nothing of the source is sent any more, and the others are told; the track stays published. */
  mute(): void {
    this.track.setMuted(true);
    this.#onMuted();
  }

  /** The source is sent again. */
  unmute(): void {
    this.track.setMuted(false);
    this.#onMuted();
  }

  /** Ends it; the source stays open. */
  unpublish(): void {
    this.track.unpublish();
  }

  /** For the room: somebody subscribed, or nobody will. */
  settleSubscription(subscribed: boolean): void {
    this.#subscribed.resolve(subscribed);
  }
}
