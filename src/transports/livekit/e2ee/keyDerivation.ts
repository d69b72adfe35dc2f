import { hkdf, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import type { KeyDerivation } from "./options.ts";

/** AES-128. */
const KEY_BYTES = 16;
/** What a step of the ratchet gives: material, not a key. */
const MATERIAL_BYTES = 32;
const PBKDF2_ITERATIONS = 100_000;
const HKDF_INFO = new Uint8Array(128);

const derivePbkdf2 = promisify(pbkdf2);
const deriveHkdf = promisify(hkdf);

/** How keys come out of key material. */
export interface Derivation {
  algorithm: KeyDerivation;
  salt: Uint8Array;
}

/** The key that frames are encrypted with, out of what the application hands over. Off the event loop. */
export function deriveKey(material: Uint8Array, derivation: Derivation): Promise<Uint8Array> {
  return derive(material, derivation, KEY_BYTES);
}

/** The material that follows `material`, one way: nobody gets back from it. */
export function ratchet(material: Uint8Array, derivation: Derivation): Promise<Uint8Array> {
  return derive(material, derivation, MATERIAL_BYTES);
}

async function derive(
  material: Uint8Array,
  { algorithm, salt }: Derivation,
  bytes: number,
): Promise<Uint8Array> {
  return algorithm === "pbkdf2"
    ? new Uint8Array(await derivePbkdf2(material, salt, PBKDF2_ITERATIONS, bytes, "sha256"))
    : new Uint8Array(await deriveHkdf("sha256", material, salt, HKDF_INFO, bytes));
}
