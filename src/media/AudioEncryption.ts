import { z } from "zod";
import { parseOptions, TroupeError } from "../core/index.ts";
import { type CryptorState, Engine, type EngineFrameCryptor } from "../native/index.ts";
import { type FrameDirection, FrameTransform } from "./FrameTransform.ts";

/** Of Opus: its table of contents (RFC 6716, section 3.1), which servers may look at. It is authenticated. */
const CLEAR_BYTES = 1;

const optionsSchema = z.strictObject({
  keys: z.int("1 to 256").min(1, "1 to 256").max(256, "1 to 256").default(16),
});

/** What an {@link AudioEncryption} reports. */
export type AudioEncryptionEvents = {
  /**
   * How it goes with one track: `ok`, `missingKey` (nothing is sent, or heard, under this index), `decryptionFailed`
   * (another key, or changed on the way). Reported when it changes.
   */
  state: [state: CryptorState, direction: FrameDirection, keyIndex: number];
};

/**
 * End-to-end encryption of audio by AES-GCM, for every transport: servers see packets and no sound. Both sides need
 * the same key at the same index; what a wrong or missing key does not open is dropped, counted and concealed, and
 * without a key nothing is sent. It runs in the engine. A frame becomes
 *
 *     its first byte | ciphertext | tag (16) | initialization vector (12) | 12 | key index
 *
 * with the first byte as additional data, which is what LiveKit's SDKs send, so 30 bytes longer.
 *
 * @example
 * const encryption = new AudioEncryption();
 * encryption.setKey(0, randomBytes(32));
 * connection.setTransform(encryption);
 * // A member left: everybody gets another key, and those who have it may begin to use it.
 * encryption.setKey(1, nextKey);
 * encryption.useKey(1);
 */
export class AudioEncryption extends FrameTransform<AudioEncryptionEvents> {
  readonly #keys: (Uint8Array | null)[];
  readonly #cryptors = new Set<EngineFrameCryptor>();
  #keyIndex = 0;

  /**
   * @param options.keys how many keys it holds, 1 to 256; 16 when left out
   * @throws TroupeError INVALID_OPTION
   */
  constructor(options: { keys?: number } = {}) {
    super();
    const { keys } = parseOptions(optionsSchema, options, "options");
    this.#keys = new Array<Uint8Array | null>(keys).fill(null);
  }

  /** The index of the key that outgoing frames are encrypted with; incoming ones say theirs. */
  get keyIndex(): number {
    return this.#keyIndex;
  }

  /**
   * The key at an index: 16 or 32 random bytes; null takes it away.
   *
   * @throws TroupeError INVALID_OPTION, CLOSED
   */
  setKey(index: number, key: Uint8Array | null): void {
    this.#requireOpen(index);
    if (key !== null && !(key instanceof Uint8Array && (key.length === 16 || key.length === 32))) {
      const received = key instanceof Uint8Array ? `${key.length} bytes` : `a ${typeof key}`;
      throw new TroupeError(
        "INVALID_OPTION",
        `Expected a Uint8Array of 16 or 32 bytes for key but received ${received}`,
        { field: "key" },
      );
    }
    this.#keys[index] = key?.slice() ?? null;
    for (const cryptor of this.#cryptors) cryptor.setKey(index, key);
  }

  /**
   * Encrypts outgoing frames with the key at this index from now on; set that key everywhere first.
   *
   * @throws TroupeError INVALID_OPTION, CLOSED
   */
  useKey(index: number): void {
    this.#requireOpen(index);
    this.#keyIndex = index;
    for (const cryptor of this.#cryptors) cryptor.setKeyIndex(index);
  }

  override close(): void {
    // Streams keep their cryptor, which lets nothing pass without a key.
    for (const cryptor of this.#cryptors)
      for (const [index, key] of this.#keys.entries()) if (key) cryptor.setKey(index, null);
    super.close();
    this.#cryptors.clear();
    this.#keys.fill(null);
  }

  protected override createStream(direction: FrameDirection): EngineFrameCryptor {
    const cryptor = Engine.shared().createFrameCryptor({
      direction: direction === "outgoing" ? "encrypt" : "decrypt",
      clearBytes: CLEAR_BYTES,
      keyRingSize: this.#keys.length,
      failureTolerance: -1,
      serverTrailer: new Uint8Array(),
    });
    for (const [index, key] of this.#keys.entries()) if (key) cryptor.setKey(index, key);
    cryptor.setKeyIndex(this.#keyIndex);
    cryptor.events.on("state", (state, keyIndex) => this.emit("state", state, direction, keyIndex));
    if (!this.closed) this.#cryptors.add(cryptor);
    return cryptor;
  }

  override release(stream: EngineFrameCryptor): void {
    this.#cryptors.delete(stream);
    super.release(stream);
  }

  #requireOpen(index: number): void {
    if (this.closed) throw new TroupeError("CLOSED", "The encryption is closed");
    const last = this.#keys.length - 1;
    if (!Number.isInteger(index) || index < 0 || index > last) {
      throw TroupeError.expected("INVALID_OPTION", "index", `a whole number from 0 to ${last}`, index);
    }
  }
}
