import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { TroupeError } from "../../../core/index.ts";
import type { DataEncryption, EncryptedData } from "../data/index.ts";
import type { KeyProvider } from "./KeyProvider.ts";
import type { KeyRing } from "./KeyRing.ts";

const ALGORITHM = "aes-128-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts data packets under the keys that the audio has: AES-GCM, the tag behind the ciphertext. */
export class DataCryptor implements DataEncryption {
  readonly #keyProvider: KeyProvider;
  readonly #localIdentity: () => string;
  readonly #isEnabled: () => boolean;
  /** Of those who sent something, until they leave. */
  readonly #rings = new Map<string, KeyRing>();

  /** @param isEnabled whether what we send is encrypted; what arrives encrypted is decrypted in any case. */
  constructor(keyProvider: KeyProvider, localIdentity: () => string, isEnabled: () => boolean) {
    this.#keyProvider = keyProvider;
    this.#localIdentity = localIdentity;
    this.#isEnabled = isEnabled;
  }

  get isEnabled(): boolean {
    return this.#isEnabled();
  }

  /** @throws TroupeError INVALID_STATE when there is no key. */
  encrypt(payload: Uint8Array): EncryptedData {
    const keyIndex = this.#keyProvider.latestKeyIndex;
    const keySet = this.#ring(this.#localIdentity()).get(keyIndex);
    if (!keySet)
      throw new TroupeError("INVALID_STATE", `There is no key at index ${keyIndex} to encrypt data with`);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, keySet.key, iv);
    const sealed = Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
    return { payload: sealed, iv, keyIndex };
  }

  /**
   * Undefined when no key opens it. One that has moved on by its ratchet is looked for then, which takes tens of
   * milliseconds: {@link DataCryptor.onKeys} tells when it is found.
   *
   * @throws TroupeError INVALID_MESSAGE when it is malformed.
   */
  decrypt(data: EncryptedData, participantIdentity: string): Uint8Array | undefined {
    const { keyIndex, iv, payload } = data;
    if (keyIndex >= this.#keyProvider.options.keyRingSize)
      throw refused(participantIdentity, `there is no key index ${keyIndex}`);
    if (iv.length !== IV_BYTES || payload.length < TAG_BYTES)
      throw refused(participantIdentity, "it is too short");
    const ring = this.#ring(participantIdentity);
    const keySet = ring.get(keyIndex);
    if (!keySet) return undefined;
    const opened = open(data, keySet.key);
    if (opened) return opened;
    for (const { key } of ring.successors(keyIndex)) {
      const found = open(data, key);
      if (!found) continue;
      ring.adopt(keyIndex, key);
      return found;
    }
    ring.findSuccessors(keyIndex);
    return undefined;
  }

  onKeys(participantIdentity: string, listener: () => void): () => void {
    const ring = this.#keyProvider.acquire(participantIdentity);
    const stop = [ring.events.on("key", listener), ring.events.on("successors", listener)];
    return () => {
      for (const end of stop.splice(0)) end();
      this.#keyProvider.release(participantIdentity);
    };
  }

  forget(participantIdentity: string): void {
    if (this.#rings.delete(participantIdentity)) this.#keyProvider.release(participantIdentity);
  }

  /** Lets go of everybody's keys. */
  close(): void {
    for (const identity of [...this.#rings.keys()]) this.forget(identity);
  }

  #ring(participantIdentity: string): KeyRing {
    const known = this.#rings.get(participantIdentity);
    if (known) return known;
    const ring = this.#keyProvider.acquire(participantIdentity);
    this.#rings.set(participantIdentity, ring);
    return ring;
  }
}

/** Null when it is not authentic under this key. */
function open({ payload, iv }: EncryptedData, key: Uint8Array): Uint8Array | null {
  const decipher = createDecipheriv(ALGORITHM, key, iv);
  decipher.setAuthTag(payload.subarray(payload.length - TAG_BYTES));
  try {
    return Buffer.concat([
      decipher.update(payload.subarray(0, payload.length - TAG_BYTES)),
      decipher.final(),
    ]);
  } catch {
    return null;
  }
}

function refused(participantIdentity: string, reason: string): TroupeError {
  return new TroupeError(
    "INVALID_MESSAGE",
    `A data packet of ${participantIdentity} was not decrypted: ${reason}`,
  );
}
