import type { IncomingMessage } from "node:http";
import { secretsMatch, withDeadline } from "../../core/index.ts";
import type { ServerSettings, UpgradeRequest } from "./options.ts";

/** Why a request is turned away; an HTTP status and its text. */
export type Refusal = readonly [status: number, text: string];

const NOT_FOUND: Refusal = [404, "Not Found"];
const UNAUTHORIZED: Refusal = [401, "Unauthorized"];
const FORBIDDEN: Refusal = [403, "Forbidden"];

/** Who may open a call, by path, token, header, origin and the user's own word. */
export class Entrance {
  readonly #settings: ServerSettings;

  constructor(settings: ServerSettings) {
    this.#settings = settings;
  }

  /** The checks that take no time. */
  refusal(request: IncomingMessage): Refusal | null {
    const { authentication, allowedOrigins } = this.#settings;
    const path = this.#pathOf(request);
    if (path === null || !this.#isServed(path)) return NOT_FOUND;
    const { origin } = request.headers;
    // A browser says which page calls; a page of somebody else's must not reach a server on this machine.
    if (origin !== undefined && !allowedOrigins.includes(origin)) return FORBIDDEN;
    const { header } = authentication;
    if (header && !secretsMatch(request.headers[header.name.toLowerCase()], header.value))
      return UNAUTHORIZED;
    return null;
  }

  /** The user's own check, which may take as long as a handshake. Whatever it throws refuses. */
  async authorize(request: IncomingMessage): Promise<Refusal | null> {
    const { authorize } = this.#settings.authentication;
    if (!authorize) return null;
    const asked = this.describe(request);
    const work = async () => await authorize(asked);
    const isWelcome = await withDeadline("authorize", this.#settings.limits.handshakeMs, work);
    return isWelcome === true ? null : FORBIDDEN;
  }

  /** A request without its secrets. */
  describe(request: IncomingMessage): UpgradeRequest {
    const headers = Object.entries(this.withoutSecret(request.headers)).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]);
    return {
      path: `${this.#pathOf(request) ?? "/"}${queryOf(request)}`,
      headers: Object.fromEntries(headers),
      remoteAddress: request.socket.remoteAddress ?? "",
    };
  }

  /** Headers without the secret one, as a request or the first message has them. */
  withoutSecret<Value>(headers: Readonly<Record<string, Value>>): Record<string, Value> {
    const secretHeader = this.#settings.authentication.header?.name.toLowerCase();
    return Object.fromEntries(
      Object.entries(headers).filter(([name]) => name.toLowerCase() !== secretHeader),
    );
  }

  /** The path without the token; null when it has not the right one. */
  #pathOf(request: IncomingMessage): string | null {
    const path = (request.url ?? "/").split("?", 1)[0]!;
    const { pathToken } = this.#settings.authentication;
    if (pathToken === undefined) return path;
    const cut = path.lastIndexOf("/");
    return secretsMatch(path.slice(cut + 1), pathToken) ? path.slice(0, cut) || "/" : null;
  }

  #isServed(path: string): boolean {
    const { paths } = this.#settings;
    if (!paths) return true;
    return paths.some((served) => (typeof served === "string" ? served === path : served.test(path)));
  }
}

function queryOf({ url = "" }: IncomingMessage): string {
  const at = url.indexOf("?");
  return at < 0 ? "" : url.slice(at);
}
