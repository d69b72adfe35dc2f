import { z } from "zod";
import { parseOptions } from "../../../core/index.ts";

/** How the key of a frame comes out of what `setKey` is given. Both sides have to agree. */
export type KeyDerivation = "pbkdf2" | "hkdf";

/** How keys are derived, kept and given up. */
export interface KeyProviderOptions {
  /** One key for everybody, under index 0. Without it each participant has its own: {@link KeyProvider.setKey}. */
  sharedKey?: Uint8Array | string;
  /** `LKFrameEncryptionKey` when left out. */
  ratchetSalt?: Uint8Array | string;
  /** How many steps of the ratchet are tried for a frame that the key does not open; 16 when left out, 0 for none. */
  ratchetWindowSize?: number;
  /** Frames in a row that a key may fail to open until it is given up; -1, any number, when left out. */
  failureTolerance?: number;
  /** 16 when left out, 256 at most. */
  keyRingSize?: number;
  /** `pbkdf2` (SHA-256, 100 000 rounds) when left out, as every SDK has for passphrases. */
  keyDerivation?: KeyDerivation;
}

/** What a publication says of its frames: `gcm` is the one that is on the wire today. */
export type EncryptionType = "none" | "gcm" | "custom";

const RATCHET_SALT = "LKFrameEncryptionKey";
const MAXIMUM_RATCHET_WINDOW = 64;
const MAXIMUM_KEY_BYTES = 4096;

const bytes = z.union([z.instanceof(Uint8Array), z.string()], { error: "a Uint8Array or a string" });

/** Key material: not empty, and short enough to be one. */
const material = bytes
  .transform((value) => (typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value)))
  .refine((value) => value.length > 0 && value.length <= MAXIMUM_KEY_BYTES, {
    error: `1 to ${MAXIMUM_KEY_BYTES} bytes`,
  });

const keyProviderSchema = z.strictObject({
  sharedKey: material.optional(),
  ratchetSalt: bytes
    .transform((value) =>
      typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value),
    )
    .default(() => new TextEncoder().encode(RATCHET_SALT)),
  ratchetWindowSize: z.int().min(0).max(MAXIMUM_RATCHET_WINDOW).default(16),
  failureTolerance: z.int().min(-1).default(-1),
  keyRingSize: z.int().min(1).max(256).default(16),
  keyDerivation: z.enum(["pbkdf2", "hkdf"]).default("pbkdf2"),
});

export type CompleteKeyProviderOptions = Readonly<z.output<typeof keyProviderSchema>>;

/** @throws TroupeError INVALID_OPTION that names the field. */
export function parseKeyProviderOptions(options: KeyProviderOptions): CompleteKeyProviderOptions {
  return parseOptions(keyProviderSchema, options, "keyProvider");
}

/** @throws TroupeError INVALID_OPTION */
export function parseKey(key: Uint8Array | string): Uint8Array {
  return parseOptions(material, key, "key");
}
