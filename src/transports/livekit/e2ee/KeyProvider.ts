import { TroupeError, TypedEvents } from "../../../core/index.ts";
import { KeyRing } from "./KeyRing.ts";
import {
  type CompleteKeyProviderOptions,
  type KeyProviderOptions,
  parseKey,
  parseKeyProviderOptions,
} from "./options.ts";

interface Held {
  ring: KeyRing;
  /** How many use it now. */
  users: number;
  /** Whether keys were set for this participant alone: they stay until they are let go of by name. */
  isOwn: boolean;
}

/**
 * The keys of a room's end-to-end encryption: one that everybody shares, or one a participant. Deriving a key takes
 * tens of milliseconds on a thread of the pool; what is set is in force when the promise resolves.
 *
 * @example
 * const keyProvider = new KeyProvider({ sharedKey: "the words that we agreed on" });
 * const room = await connect(livekit({ url, token, encryption: { keyProvider } }));
 */
export class KeyProvider {
  readonly options: CompleteKeyProviderOptions;
  readonly events = new TypedEvents<{
    /** A participant's key moved on by its ratchet, which we noticed by what arrives. */
    keyRatcheted: [participantIdentity: string, keyIndex: number, material: Uint8Array];
  }>();
  /** Resolves when the shared key of the options, if there is one, is in force. */
  readonly ready: Promise<void>;
  readonly #shared: KeyRing | null;
  readonly #rings = new Map<string, Held>();
  #latestKeyIndex = 0;

  /** @throws TroupeError INVALID_OPTION that names the field. */
  constructor(options: KeyProviderOptions = {}) {
    this.options = parseKeyProviderOptions(options);
    const { sharedKey } = this.options;
    this.#shared = sharedKey ? this.#createRing() : null;
    this.ready = sharedKey ? this.setSharedKey(sharedKey, 0) : Promise.resolve();
  }

  /** The index that a key was set at last; data is encrypted under it. */
  get latestKeyIndex(): number {
    return this.#latestKeyIndex;
  }

  /**
   * Sets the key that everybody shares, in place of those that participants have at this index.
   *
   * @throws TroupeError INVALID_OPTION, and INVALID_STATE when the provider was made without a shared key.
   */
  async setSharedKey(key: Uint8Array | string, keyIndex = 0): Promise<void> {
    const shared = this.#sharedRing();
    const material = parseKey(key);
    shared.get(keyIndex);
    this.#latestKeyIndex = keyIndex;
    await shared.set(keyIndex, material);
    this.#spread(shared, keyIndex);
  }

  /** The material of the shared key at an index; undefined when there is none. */
  exportSharedKey(keyIndex = 0): Uint8Array | undefined {
    return this.#shared?.get(keyIndex)?.material.slice();
  }

  /**
   * Moves the shared key on by one step. The others notice by what arrives, within their ratchet window.
   *
   * @returns the new material.
   * @throws TroupeError INVALID_STATE when there is no key at this index.
   */
  async ratchetSharedKey(keyIndex = 0): Promise<Uint8Array> {
    const shared = this.#sharedRing();
    const { material } = await shared.ratchet(keyIndex);
    this.#spread(shared, keyIndex);
    return material.slice();
  }

  /** Sets the key that frames of a participant are encrypted with; our own identity for what we send. */
  async setKey(participantIdentity: string, key: Uint8Array | string, keyIndex = 0): Promise<void> {
    const material = parseKey(key);
    const held = this.#hold(participantIdentity);
    held.ring.get(keyIndex);
    held.isOwn = true;
    this.#latestKeyIndex = keyIndex;
    await held.ring.set(keyIndex, material);
  }

  /** The material of a participant's key at an index; undefined when there is none. */
  exportKey(participantIdentity: string, keyIndex = 0): Uint8Array | undefined {
    return this.#rings.get(participantIdentity)?.ring.get(keyIndex)?.material.slice();
  }

  /**
   * Moves a participant's key on by one step.
   *
   * @returns the new material.
   * @throws TroupeError INVALID_STATE when there is no key at this index.
   */
  async ratchetKey(participantIdentity: string, keyIndex = 0): Promise<Uint8Array> {
    const held = this.#hold(participantIdentity);
    const { material } = await held.ring.ratchet(keyIndex);
    held.isOwn = true;
    return material.slice();
  }

  /**
   * Lets go of the keys that {@link KeyProvider.setKey} and {@link KeyProvider.ratchetKey} made for a participant, for
   * one who does not come back. Tracks and packets of a participant who is there go on under them until it leaves.
   */
  forgetKeys(participantIdentity: string): void {
    const held = this.#rings.get(participantIdentity);
    if (!held) return;
    held.isOwn = false;
    this.#letGo(participantIdentity, held);
  }

  /** The keys of one participant, which begin as the shared ones. Each has a ratchet of its own. */
  ring(participantIdentity: string): KeyRing {
    return this.#hold(participantIdentity).ring;
  }

  /** The same for one who uses them until {@link KeyProvider.release}: the ring stays until then. */
  acquire(participantIdentity: string): KeyRing {
    const held = this.#hold(participantIdentity);
    held.users += 1;
    return held.ring;
  }

  /** Once for each {@link KeyProvider.acquire}. What nobody uses is let go of, unless keys were set for it alone. */
  release(participantIdentity: string): void {
    const held = this.#rings.get(participantIdentity);
    if (!held) return;
    held.users = Math.max(0, held.users - 1);
    this.#letGo(participantIdentity, held);
  }

  /** Those whose keys are held. */
  get participantIdentities(): string[] {
    return [...this.#rings.keys()];
  }

  #hold(participantIdentity: string): Held {
    const known = this.#rings.get(participantIdentity);
    if (known) return known;
    const held: Held = { ring: this.#createRing(), users: 0, isOwn: false };
    this.#rings.set(participantIdentity, held);
    held.ring.events.on("ratcheted", (index, { material }) =>
      this.events.emit("keyRatcheted", participantIdentity, index, material.slice()),
    );
    if (this.#shared) held.ring.copy(this.#shared);
    return held;
  }

  #letGo(participantIdentity: string, { users, isOwn }: Held): void {
    if (users === 0 && !isOwn) this.#rings.delete(participantIdentity);
  }

  #createRing(): KeyRing {
    const { keyDerivation, ratchetSalt, keyRingSize, ratchetWindowSize } = this.options;
    return new KeyRing({
      derivation: { algorithm: keyDerivation, salt: ratchetSalt },
      size: keyRingSize,
      ratchetWindowSize,
    });
  }

  #spread(shared: KeyRing, keyIndex: number): void {
    const keySet = shared.get(keyIndex);
    if (keySet) for (const { ring } of this.#rings.values()) ring.put(keyIndex, keySet);
  }

  #sharedRing(): KeyRing {
    if (this.#shared) return this.#shared;
    throw new TroupeError(
      "INVALID_STATE",
      "The key provider was made without sharedKey: set a key a participant",
    );
  }
}
