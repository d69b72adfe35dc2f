import { createPrivateKey, X509Certificate } from "node:crypto";
import { z } from "zod";

const CERTIFICATE = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----([^-]*)-----END \1-----/g;

/** A text in PEM (RFC 7468), or its bytes; what is in it is for others to check. */
export const pemText = z.union([z.string().max(1_000_000), z.instanceof(Uint8Array)], {
  error: "PEM as a string or bytes",
});

/** One or more certificates in PEM. */
export const pemCertificates = pemText.refine(
  areCertificates,
  "certificates in PEM (their text, not a file's name)",
);

/** A private key in PEM that needs no password. */
export const pemPrivateKey = pemText.refine(isPrivateKey, "a private key in PEM that is not encrypted");

/** The text of PEM that may have been given as bytes. */
export function pemTextOf(pem: string | Uint8Array): string {
  return typeof pem === "string" ? pem : Buffer.from(pem).toString();
}

/** To read all of a system's authorities would hold the event loop for 100 ms: of all but the first the outline is seen. */
function areCertificates(pem: string | Uint8Array): boolean {
  const [first, ...others] = [...pemTextOf(pem).matchAll(CERTIFICATE)];
  return (
    first !== undefined &&
    canRead(() => new X509Certificate(first[0])) &&
    others.every(([, , base64 = ""]) => isWholeSequence(Buffer.from(base64, "base64")))
  );
}

/** Whether they are one DER sequence (X.690) of 128 to 65535 bytes, as a certificate is, and nothing is missing. */
function isWholeSequence(der: Buffer): boolean {
  if (der[0] !== 0x30) return false;
  if (der[1] === 0x81) return der.length === 3 + der[2]!;
  // What is trusted in OpenSSL's way has something after the certificate.
  return der[1] === 0x82 && der.length >= 4 + der.readUInt16BE(2);
}

function isPrivateKey(pem: string | Uint8Array): boolean {
  return canRead(() => createPrivateKey(pemTextOf(pem)));
}

function canRead(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
