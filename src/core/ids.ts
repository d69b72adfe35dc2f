import { randomBytes } from "node:crypto";

/** An unguessable identifier of `bytes` random bytes, in upper-case base 32 without padding. */
export function randomId(bytes = 16): string {
  const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  let text = "";
  for (const byte of randomBytes(Math.ceil((bytes * 8) / 5))) text += alphabet[byte & 31];
  return text;
}

/** A random SSRC: 32 bits, never 0. */
export function randomSsrc(): number {
  return randomBytes(4).readUInt32BE() || 1;
}
