import type { TrackInfo } from "@livekit/protocol";
import {
  type AudioFeature,
  audioFeatureOf,
  type EncryptionType,
  encryptionTypeOf,
  type TrackKind,
  type TrackSource,
  trackKindOf,
  trackSourceOf,
} from "./values.ts";

/** What a room knows of a published track, whether or not its media comes. */
export abstract class TrackPublication {
  #info: TrackInfo;

  protected constructor(info: TrackInfo) {
    this.#info = info;
  }

  get sid(): string {
    return this.#info.sid;
  }

  get name(): string {
    return this.#info.name;
  }

  get kind(): TrackKind {
    return trackKindOf(this.#info.type);
  }

  get source(): TrackSource {
    return trackSourceOf(this.#info.source);
  }

  /** Sent in several sizes at once (video). */
  get simulcasted(): boolean {
    return this.#info.simulcast;
  }

  /** Of the picture, in pixels; 0 for audio. */
  get width(): number {
    return this.#info.width;
  }

  /** Of the picture, in pixels; 0 for audio. */
  get height(): number {
    return this.#info.height;
  }

  /** Lower-case: `audio/opus`, `audio/red`. */
  get mimeType(): string {
    return this.#info.mimeType.toLowerCase();
  }

  get muted(): boolean {
    return this.#info.muted;
  }

  get encryptionType(): EncryptionType {
    return encryptionTypeOf(this.#info.encryption);
  }

  get audioFeatures(): AudioFeature[] {
    return this.#info.audioFeatures.map(audioFeatureOf);
  }

  /** Tracks of one stream are played in step. */
  get stream(): string {
    return this.#info.stream;
  }

  /** For the room. */
  get info(): TrackInfo {
    return this.#info;
  }

  /** For the room: what the server said of it last. */
  setInfo(info: TrackInfo): void {
    this.#info = info;
  }

  /** For the room. */
  setMuted(muted: boolean): void {
    const info = this.#info.clone();
    info.muted = muted;
    this.#info = info;
  }
}
