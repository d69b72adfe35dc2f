import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { TroupeError } from "../../../core/index.ts";
import type { DataEncryption, EncryptedData } from "../data/index.ts";
import type { KeyProvider } from "./KeyProvider.ts";

const ALGORITHM = "aes-128-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts data packets under the keys that the audio has: AES-GCM, the tag behind the ciphertext. */
export class DataCryptor implements DataEncryption {
  readonly #keyProvider: KeyProvider;
  readonly #localIdentity: () => string;
  readonly #isEnabled: () => boolean;

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
    const keySet = this.#keyProvider.ring(this.#localIdentity()).get(keyIndex);
    if (!keySet)
      throw new TroupeError("INVALID_STATE", `There is no key at index ${keyIndex} to encrypt data with`);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, keySet.key, iv);
    const sealed = Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
    return { payload: sealed, iv, keyIndex };
  }

  /**
   * A key that has moved on by its ratchet is found within tens of milliseconds; what comes until then is refused.
   *
   * @throws TroupeError INVALID_MESSAGE when no key of the participant opens it.
   */
  decrypt(data: EncryptedData, participantIdentity: string): Uint8Array {
    const { keyIndex } = data;
    if (keyIndex >= this.#keyProvider.options.keyRingSize)
      throw refused(participantIdentity, "no such key index");
    const ring = this.#keyProvider.ring(participantIdentity);
    const keySet = ring.get(keyIndex);
    if (!keySet) throw refused(participantIdentity, `no key at index ${keyIndex}`);
    const opened = open(data, keySet.key);
    if (opened) return opened;
    for (const { key } of ring.successors(keyIndex)) {
      const payload = open(data, key);
      if (!payload) continue;
      ring.adopt(keyIndex, key);
      return payload;
    }
    ring.findSuccessors(keyIndex);
    throw refused(participantIdentity, "the key does not open it");
  }
}

/** Null when it is not authentic under this key. */
function open({ payload, iv }: EncryptedData, key: Uint8Array): Uint8Array | null {
  if (iv.length !== IV_BYTES || payload.length < TAG_BYTES) return null;
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
