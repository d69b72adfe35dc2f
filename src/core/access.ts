import { createHash, timingSafeEqual } from "node:crypto";

/** True for 127.0.0.0/8, ::1 and localhost. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

/** Compares two secrets in a time that tells nothing about either. */
export function secretsMatch(given: unknown, expected: string): boolean {
  const text = typeof given === "string" ? given : "";
  const digest = (value: string) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(text), digest(expected)) && typeof given === "string";
}
