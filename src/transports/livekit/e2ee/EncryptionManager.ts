import { TypedEvents } from "../../../core/index.ts";
import {
  type CryptorState,
  Engine,
  type EngineFrameCryptor,
  type EngineFrameTransform,
  type FrameCryptorOptions,
} from "../../../native/index.ts";
import { DataCryptor } from "./DataCryptor.ts";
import { type EncryptionOptions, keyProviderOf } from "./encryptionOptions.ts";
import { FrameCryptor } from "./FrameCryptor.ts";
import type { KeyProvider } from "./KeyProvider.ts";
import type { EncryptionType } from "./options.ts";

/** Where a track's frames can be got at: one direction of a transceiver. */
export interface TransformTarget {
  setTransform(transform: EngineFrameTransform | null): void;
}

export interface EncryptionManagerOptions {
  /** `encryption` covers audio and data. */
  encryption?: EncryptionOptions | undefined;
  /** Deprecated like in the official SDKs: covers audio alone. `encryption` goes first. */
  e2ee?: EncryptionOptions | undefined;
  localIdentity: () => string;
  /** Those of the shared engine when left out. */
  createCryptor?: (options: FrameCryptorOptions) => EngineFrameCryptor;
}

/** Opus: its table of contents, which servers look at. */
const CLEAR_BYTES = 1;

interface Entry {
  direction: "encrypt" | "decrypt";
  cryptor: FrameCryptor;
  target: TransformTarget;
}

/** End-to-end encryption of a room: a cryptor a track, all under the keys of one provider. */
export class EncryptionManager {
  /** Undefined when the room was joined without encryption. */
  readonly keyProvider: KeyProvider | undefined;
  readonly events = new TypedEvents<{
    stateChanged: [participantIdentity: string, state: CryptorState, trackSid: string];
  }>();
  readonly #coversData: boolean;
  readonly #localIdentity: () => string;
  readonly #createCryptor: (options: FrameCryptorOptions) => EngineFrameCryptor;
  readonly #entries = new Map<string, Entry>();
  /** For the data channels; undefined without a key provider. */
  readonly dataEncryption: DataCryptor | undefined;
  #enabled: boolean;
  #serverTrailer: Uint8Array = new Uint8Array();

  /** @throws TroupeError INVALID_OPTION */
  constructor(options: EncryptionManagerOptions) {
    const chosen = options.encryption ?? options.e2ee;
    this.keyProvider = chosen ? keyProviderOf(chosen.keyProvider) : undefined;
    this.#coversData = options.encryption !== undefined;
    this.#localIdentity = options.localIdentity;
    this.#createCryptor = options.createCryptor ?? ((wanted) => Engine.shared().createFrameCryptor(wanted));
    this.#enabled = chosen !== undefined;
    if (this.keyProvider) {
      const covers = () => this.#coversData && this.enabled;
      this.dataEncryption = new DataCryptor(this.keyProvider, this.#localIdentity, covers);
    }
  }

  /** True from the start when the room was joined with encryption; false without, whatever is set. */
  get enabled(): boolean {
    return this.#enabled && this.keyProvider !== undefined;
  }

  /** What our publications say that they are encrypted with. */
  get encryptionType(): EncryptionType {
    return this.keyProvider ? "gcm" : "none";
  }

  /** Turns every cryptor on or off, and with `encryption` the data too. Needs a key provider to have an effect. */
  setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
    for (const { cryptor } of this.#entries.values()) cryptor.setEnabled(enabled);
  }

  /** The cryptors of all tracks that are encrypted, ours and others'. */
  frameCryptors(): FrameCryptor[] {
    return [...this.#entries.values()].map(({ cryptor }) => cryptor);
  }

  /** What the server puts behind frames of its own (`sif_trailer` of the join response); for cryptors made later. */
  setServerTrailer(trailer: Uint8Array): void {
    this.#serverTrailer = trailer.slice();
  }

  /**
   * Encrypts a track of ours. Call it before the track has a producer, so that nothing leaves in clear; a track
   * without a key sends nothing.
   */
  addLocalTrack(trackSid: string, target: TransformTarget): void {
    this.#add("encrypt", this.#localIdentity(), trackSid, target);
  }

  /** Decrypts a track of somebody else, unless its publication says that it is not encrypted. */
  addRemoteTrack(
    participantIdentity: string,
    trackSid: string,
    encryptionType: EncryptionType,
    target: TransformTarget,
  ): void {
    if (encryptionType === "none") this.removeTrack(trackSid);
    else this.#add("decrypt", participantIdentity, trackSid, target);
  }

  /** The track was unpublished or unsubscribed. */
  removeTrack(trackSid: string): void {
    const entry = this.#entries.get(trackSid);
    if (!entry) return;
    this.#entries.delete(trackSid);
    // What we send stays encrypted to its last frame.
    if (entry.direction === "decrypt") entry.target.setTransform(null);
    this.#end(entry.cryptor);
  }

  /** The media session ended with all its tracks. Those that still send send on encrypted, under the key they had. */
  removeTracks(): void {
    for (const { cryptor } of this.#entries.values()) this.#end(cryptor);
    this.#entries.clear();
  }

  /** Ends every cryptor, and lets go of everybody's keys but those that were set for a participant alone. */
  close(): void {
    this.removeTracks();
    this.dataEncryption?.close();
    this.events.removeAllListeners();
  }

  #end(cryptor: FrameCryptor): void {
    cryptor.close();
    this.keyProvider?.release(cryptor.participantIdentity);
  }

  #add(
    direction: "encrypt" | "decrypt",
    participantIdentity: string,
    trackSid: string,
    target: TransformTarget,
  ): void {
    if (!this.keyProvider) return;
    this.removeTrack(trackSid);
    const { keyRingSize, failureTolerance } = this.keyProvider.options;
    const engine = this.#createCryptor({
      direction,
      clearBytes: CLEAR_BYTES,
      keyRingSize,
      failureTolerance,
      serverTrailer: this.#serverTrailer,
    });
    const ring = this.keyProvider.acquire(participantIdentity);
    const options = { enabled: this.#enabled, keyRingSize };
    const cryptor = new FrameCryptor(participantIdentity, trackSid, engine, ring, options);
    cryptor.events.on("state", (state) =>
      this.events.emit("stateChanged", participantIdentity, state, trackSid),
    );
    this.#entries.set(trackSid, { direction, cryptor, target });
    target.setTransform(engine);
  }
}
