import { networkInterfaces } from "node:os";
import { isLoopback, randomId, secretsMatch, TroupeError } from "../core/index.ts";

/** How long a browser that opened the page stays welcome. */
const PAGE_SESSION_MS = 12 * 3600_000;
const MAXIMUM_PAGE_SESSIONS = 64;
const MAXIMUM_OPEN_TOKENS = 16;

/** Why a request was turned away; the text of the 403. */
export type Refusal = string;

/** True for the addresses that mean every interface. */
export function isUnspecified(host: string): boolean {
  return ["0.0.0.0", "::"].includes(withoutBrackets(host));
}

/**
 * Checks that a stage may listen on `host` at all.
 *
 * @throws TroupeError ACCESS_DENIED on an address that others reach, without a secret or `authenticate`.
 */
export function checkListenAddress(host: string, hasSecret: boolean): void {
  if (isLoopback(host) || hasSecret) return;
  throw new TroupeError(
    "ACCESS_DENIED",
    `The stage listens on ${host} only with a secret: others reach it there`,
    {
      field: "secret",
      expected: "a secret",
      received: "none",
    },
  );
}

/** The names by which a stage on `host` may be called in a Host header. */
export function allowedHostNames(host: string, more: readonly string[]): Set<string> {
  const names = new Set(more.map((name) => name.toLowerCase()));
  names.add(withoutBrackets(host.toLowerCase()));
  if (isLoopback(host) || isUnspecified(host))
    for (const name of ["localhost", "127.0.0.1", "::1"]) names.add(name);
  if (isUnspecified(host)) {
    for (const addresses of Object.values(networkInterfaces())) {
      for (const { address } of addresses ?? []) names.add(address.toLowerCase());
    }
  }
  return names;
}

/** A wrong Host is a foreign name that was made to point here (DNS rebinding). */
export function checkHost(header: string | undefined, names: ReadonlySet<string>): Refusal | null {
  const name = hostName(header);
  return name !== null && names.has(name) ? null : "The Host header names another server";
}

/**
 * Browsers say which page opens a connection; programs say nothing.
 *
 * @returns `own` for the stage's page, `foreign` for an origin that was allowed by name, `none` for a program.
 */
export function checkOrigin(
  origin: string | undefined,
  host: string | undefined,
  secure: boolean,
  allowed: readonly string[],
): "none" | "own" | "foreign" | "refused" {
  if (origin === undefined) return "none";
  if (host !== undefined && origin.toLowerCase() === `${secure ? "https" : "http"}://${host.toLowerCase()}`)
    return "own";
  return allowed.includes(origin) ? "foreign" : "refused";
}

/** The one-time tokens of page addresses, and the sessions that they were changed for. */
export class PageAccess {
  readonly #tokens: string[] = [];
  readonly #sessions = new Map<string, number>();

  /** A token that opens the page once. At most 16 wait; the oldest goes. */
  issueToken(): string {
    const token = randomId();
    this.#tokens.push(token);
    if (this.#tokens.length > MAXIMUM_OPEN_TOKENS) this.#tokens.shift();
    return token;
  }

  /** Uses a token up; gives the session that it buys, null when it is unknown or used. */
  redeem(token: string | null, nowMs = Date.now()): string | null {
    if (token === null) return null;
    const at = this.#tokens.findIndex((candidate) => secretsMatch(token, candidate));
    if (at < 0) return null;
    this.#tokens.splice(at, 1);
    const session = randomId();
    this.#sessions.set(session, nowMs + PAGE_SESSION_MS);
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= MAXIMUM_PAGE_SESSIONS) break;
      this.#sessions.delete(oldest);
    }
    return session;
  }

  /** Whether this browser opened the page with a token before. */
  hasSession(session: string | null, nowMs = Date.now()): boolean {
    if (session === null) return false;
    for (const [known, untilMs] of this.#sessions) {
      if (secretsMatch(session, known)) return nowMs < untilMs;
    }
    return false;
  }

  static readonly sessionSeconds = PAGE_SESSION_MS / 1000;
}

/** The value of one cookie, null when it is not there. */
export function readCookie(header: string | undefined, name: string): string | null {
  for (const pair of (header ?? "").split(";")) {
    const [key, value] = pair.trim().split("=", 2);
    if (key === name && value) return value;
  }
  return null;
}

function hostName(header: string | undefined): string | null {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(header ?? "");
  return match ? withoutBrackets(match[1]!.toLowerCase()) : null;
}

function withoutBrackets(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}
