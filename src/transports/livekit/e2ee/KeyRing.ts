import { logger, TroupeError, TypedEvents } from "../../../core/index.ts";
import { type Derivation, deriveKey, ratchet } from "./keyDerivation.ts";

/** What a key came from and what it is. */
export interface KeySet {
  /** As the application gave it, or as a ratchet made it. */
  material: Uint8Array;
  /** AES-128, derived from it. */
  key: Uint8Array;
}

export interface KeyRingOptions {
  derivation: Derivation;
  size: number;
  /** Steps of the ratchet that are tried; 0 for none. */
  ratchetWindowSize: number;
}

interface Slot {
  current: KeySet | null;
  /** What follows the current key by the ratchet, as far as it has been derived. */
  successors: KeySet[];
  /** Counts what was asked of this slot: what is derived for an older request is let go. */
  version: number;
  searching: boolean;
}

/** The keys of one participant by index. Deriving takes tens of milliseconds, off the event loop. */
export class KeyRing {
  readonly events = new TypedEvents<{
    /** The key of an index is another one. */
    key: [index: number, keySet: KeySet];
    /** Keys that may have taken the place of the one at an index, in order. */
    successors: [index: number, keys: readonly KeySet[]];
    /** The far side's ratchet moved on, and so did the key here. */
    ratcheted: [index: number, keySet: KeySet];
  }>();
  readonly #options: KeyRingOptions;
  readonly #slots: Slot[];

  constructor(options: KeyRingOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.size }, () => ({
      current: null,
      successors: [],
      version: 0,
      searching: false,
    }));
  }

  /** The key of an index; null for none. @throws TroupeError INVALID_OPTION for an index that the ring has not. */
  get(index: number): KeySet | null {
    return this.#slot(index).current;
  }

  /** Keys that may have taken the place of the one at an index. */
  successors(index: number): readonly KeySet[] {
    return this.#slot(index).successors;
  }

  /** Resolves when the key is in force, or when a later call has overtaken this one. */
  async set(index: number, material: Uint8Array): Promise<void> {
    const slot = this.#slot(index);
    const version = ++slot.version;
    const key = await deriveKey(material, this.#options.derivation);
    if (slot.version === version) this.#put(index, { material, key });
  }

  /** Takes over a key that was derived elsewhere. */
  put(index: number, keySet: KeySet): void {
    this.#slot(index).version += 1;
    this.#put(index, keySet);
  }

  /**
   * Moves the key of an index on by one step of the ratchet.
   *
   * @throws TroupeError INVALID_STATE when there is none, or when another was set meanwhile.
   */
  async ratchet(index: number): Promise<KeySet> {
    const slot = this.#slot(index);
    if (!slot.current) throw new TroupeError("INVALID_STATE", `There is no key at index ${index} to ratchet`);
    const version = ++slot.version;
    const next = slot.successors[0] ?? (await this.#follow(slot.current));
    if (slot.version !== version) {
      throw new TroupeError("INVALID_STATE", `Another key was set at index ${index} while it was ratcheted`);
    }
    this.#put(index, next, slot.successors.slice(1));
    return next;
  }

  /** Derives what follows the key of an index, once a key, the likeliest first; each step is told as it is there. */
  findSuccessors(index: number): void {
    const slot = this.#slot(index);
    if (slot.searching) return;
    slot.searching = true;
    this.#search(index, slot)
      .catch((error: unknown) => logger.error("keys could not be derived", { error }))
      .finally(() => {
        slot.searching = false;
      });
  }

  /** One of the successors opened a frame: from now on it is the key. */
  adopt(index: number, key: Uint8Array): void {
    const slot = this.#slot(index);
    const at = slot.successors.findIndex((one) => Buffer.compare(one.key, key) === 0);
    if (at < 0) return;
    slot.version += 1;
    const keySet = slot.successors[at]!;
    this.#put(index, keySet, slot.successors.slice(at + 1));
    this.events.emit("ratcheted", index, keySet);
  }

  /** Takes over all keys of another ring. */
  copy(from: KeyRing): void {
    for (const [index, { current }] of from.#slots.entries()) if (current) this.put(index, current);
  }

  #put(index: number, keySet: KeySet, successors: KeySet[] = []): void {
    const slot = this.#slot(index);
    slot.current = keySet;
    slot.successors = successors;
    this.events.emit("key", index, keySet);
    if (successors.length > 0) this.events.emit("successors", index, successors);
  }

  async #search(index: number, slot: Slot): Promise<void> {
    while (slot.current && slot.successors.length < this.#options.ratchetWindowSize) {
      const { version } = slot;
      const next = await this.#follow(slot.successors.at(-1) ?? slot.current);
      if (slot.version !== version) continue;
      slot.successors = [...slot.successors, next];
      this.events.emit("successors", index, slot.successors);
    }
  }

  async #follow({ material }: KeySet): Promise<KeySet> {
    const next = await ratchet(material, this.#options.derivation);
    return { material: next, key: await deriveKey(next, this.#options.derivation) };
  }

  #slot(index: number): Slot {
    const slot = this.#slots[index];
    if (slot) return slot;
    throw TroupeError.expected("INVALID_OPTION", "keyIndex", `0 to ${this.#slots.length - 1}`, index);
  }
}
