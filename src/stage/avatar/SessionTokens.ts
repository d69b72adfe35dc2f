import { createHash, randomBytes } from "node:crypto";

const LONGEST_LIFE_MS = 24 * 3_600_000;
const TOKEN_BYTES = 32;

/** The session tokens that were given out, by their digests: a look-up tells nothing of another token. */
export class SessionTokens {
  readonly #most: number;
  readonly #untilMs = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Null when that time is past or more than a day away. */
  issue(untilMs: number, nowMs = Date.now()): string | null {
    if (!(untilMs > nowMs && untilMs <= nowMs + LONGEST_LIFE_MS)) return null;
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    this.#untilMs.set(digestOf(token), untilMs);
    for (const oldest of this.#untilMs.keys()) {
      if (this.#untilMs.size <= this.#most) break;
      this.#untilMs.delete(oldest);
    }
    return token;
  }

  check(token: string, nowMs = Date.now()): "good" | "expired" | "unknown" {
    const untilMs = this.#untilMs.get(digestOf(token));
    if (untilMs === undefined) return "unknown";
    return nowMs < untilMs ? "good" : "expired";
  }
}

function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
