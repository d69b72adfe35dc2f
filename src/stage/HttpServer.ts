import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { type Logger, secretsMatch, TroupeError } from "../core/index.ts";
import { checkHost, checkOrigin, PageAccess, type Refusal, readCookie } from "./access.ts";
import type { ApiReply } from "./api.ts";
import type { StageLimits } from "./limits.ts";
import { parseJson } from "./messages.ts";
import type { StaticFile } from "./StaticFiles.ts";

const MAXIMUM_HEADER_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;

/** Who opened a WebSocket. */
export interface Visitor {
  remoteAddress: string;
  /** Its browser opened the page with a token. */
  trusted: boolean;
}

export interface HttpServerOptions {
  host: string;
  port: number;
  tls: { cert: string | Buffer; key: string | Buffer } | undefined;
  secret: string | undefined;
  hostNames: ReadonlySet<string>;
  allowedOrigins: readonly string[];
  feedToken: string;
  /** Null when the page is not served. */
  page: ReadonlyMap<string, StaticFile> | null;
  limits: StageLimits;
  log: Logger;
  onSignaling: (socket: WebSocket, visitor: Visitor) => void;
  onFeed: (socket: WebSocket, role: "publisher" | "subscriber") => void;
  onApi: (target: string | undefined, body: unknown) => Promise<ApiReply>;
}

/** The stage's one port: page, API, and the WebSockets of signalling and feed, each behind its checks. */
export class HttpServer {
  readonly pageAccess = new PageAccess();
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const settings = {
      maxHeaderSize: MAXIMUM_HEADER_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
    };
    this.#server = options.tls ? createSecureServer({ ...options.tls, ...settings }) : createServer(settings);
    this.#server.maxConnections = options.limits.connections * 2 + 64;
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: options.limits.messageBytes,
      perMessageDeflate: false,
    });
    this.#server.on("request", (request, response) => this.#request(request, response));
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  /** Starts to listen; gives the port. */
  async listen(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(this.#options.port, this.#options.host, resolve);
    await promise.catch((error) => {
      throw TroupeError.from("SIGNALLING_FAILED", error, "The stage cannot listen");
    });
    this.#server.off("error", reject);
    this.#server.on("error", (error) => this.#options.log.error("the stage's server failed", { error }));
    return (this.#server.address() as AddressInfo).port;
  }

  /** The name of the cookie that marks a browser which opened the page; cookies do not know ports. */
  get #cookieName(): string {
    return `troupe-stage-${(this.#server.address() as AddressInfo | null)?.port ?? 0}`;
  }

  /** Cuts what is open and frees the port. */
  async close(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const url = requestUrl(request);
    const refusal = this.#refusal(request) ?? this.#refuseUpgrade(request, url);
    if (refusal) {
      refuseUpgrade(socket, 403, refusal);
      return;
    }
    if (this.#sockets.clients.size >= this.#options.limits.connections) {
      refuseUpgrade(socket, 503, "The stage is full");
      return;
    }
    if (url.pathname !== "/signaling" && url.pathname !== "/feed") {
      refuseUpgrade(socket, 404, "Not found");
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (url.pathname === "/signaling") this.#options.onSignaling(webSocket, this.#visitor(request));
      else this.#options.onFeed(webSocket, this.#isPublisher(url) ? "publisher" : "subscriber");
    });
  }

  /** Host and Origin, for every request. */
  #refusal({ headers }: IncomingMessage): Refusal | null {
    return (
      checkHost(headers.host, this.#options.hostNames) ??
      (this.#origin(headers) === "refused" ? "Pages of this origin may not talk to the stage" : null)
    );
  }

  #refuseUpgrade(request: IncomingMessage, url: URL): Refusal | null {
    if (url.pathname === "/feed") {
      return this.#isPublisher(url) || this.#hasSession(request) ? null : "The feed needs its token";
    }
    return this.#refuseStrangePage(request);
  }

  /** Any page on this origin could be another program's that had this port before: it needs the token too. */
  #refuseStrangePage(request: IncomingMessage): Refusal | null {
    if (this.#origin(request.headers) === "own" && !this.#hasSession(request)) {
      return "Open the page by the address with a token first";
    }
    return null;
  }

  #origin(headers: IncomingMessage["headers"]): ReturnType<typeof checkOrigin> {
    const { tls, allowedOrigins } = this.#options;
    return checkOrigin(headers.origin, headers.host, tls !== undefined, allowedOrigins);
  }

  #visitor(request: IncomingMessage): Visitor {
    return { remoteAddress: request.socket.remoteAddress ?? "", trusted: this.#hasSession(request) };
  }

  #isPublisher(url: URL): boolean {
    return secretsMatch(url.searchParams.get("token"), this.#options.feedToken);
  }

  #hasSession(request: IncomingMessage): boolean {
    return this.pageAccess.hasSession(readCookie(request.headers.cookie, this.#cookieName));
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = requestUrl(request);
    const isApi = pathname === "/api";
    const refusal = this.#refusal(request) ?? (isApi ? this.#refuseStrangePage(request) : null);
    if (refusal) replyText(response, 403, refusal);
    else if (isApi) {
      this.#api(request, response).catch((error) => {
        this.#options.log.error("an API call failed", { error });
        reply(response, 500, "application/json", '{"error_type":"INTERNAL-ERROR"}');
      });
    } else this.#servePage(request, response);
  }

  #servePage(request: IncomingMessage, response: ServerResponse): void {
    const { page, tls } = this.#options;
    const url = requestUrl(request);
    const file = page?.get(url.pathname);
    const session = this.#hasSession(request) ? "known" : this.#redeem(url);
    if (request.method !== "GET") replyText(response, 405, "Only GET");
    else if (page === null) {
      replyText(response, 403, "The page needs TLS on this address: browsers refuse the microphone without");
    } else if (session === null) {
      replyText(response, 403, "This address needs a token that was not used before; the stage prints one");
    } else if (!file) replyText(response, 404, "Not found");
    else {
      if (session !== "known") response.setHeader("Set-Cookie", this.#cookie(session));
      const webSocketOrigin = `${tls ? "wss" : "ws"}://${request.headers.host}`;
      response.setHeader("Content-Security-Policy", contentSecurityPolicy(webSocketOrigin));
      response.setHeader("Permissions-Policy", "microphone=(self), camera=(), geolocation=()");
      reply(response, 200, file.type, file.body);
    }
  }

  /** The session for a page address with a fresh token; null for any other. */
  #redeem(url: URL): string | null {
    return url.pathname === "/" ? this.pageAccess.redeem(url.searchParams.get("token")) : null;
  }

  #cookie(session: string): string {
    const secure = this.#options.tls ? "; Secure" : "";
    const life = `Max-Age=${PageAccess.sessionSeconds}`;
    return `${this.#cookieName}=${session}; Path=/; HttpOnly; SameSite=Strict; ${life}${secure}`;
  }

  async #api(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await this.#callApi(request);
    reply(response, status, "application/json", JSON.stringify(body));
  }

  async #callApi(request: IncomingMessage): Promise<ApiReply> {
    const { secret, limits } = this.#options;
    if (request.method !== "POST") return { status: 405, body: { error_type: "POST-ONLY" } };
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (secret !== undefined && !secretsMatch(bearer, secret)) {
      return { status: 403, body: { error_type: "AUTHENTICATION-FAILED" } };
    }
    const text = await readBody(request, limits.messageBytes);
    if (text === null) return { status: 413, body: { error_type: "TOO-LARGE" } };
    let body: unknown;
    try {
      body = text === "" ? {} : parseJson(text);
    } catch {
      return { status: 400, body: { error_type: "INVALID-JSON" } };
    }
    const target = request.headers["x-sora-target"];
    return this.#options.onApi(Array.isArray(target) ? target[0] : target, body);
  }
}

function contentSecurityPolicy(webSocketOrigin: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self' ${webSocketOrigin}`,
    "img-src 'self' data:",
    "media-src 'self' blob: mediastream:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function requestUrl(request: IncomingMessage): URL {
  // The path may be any text; what cannot be read as one is no page of ours.
  const path = request.url?.startsWith("/") ? request.url : "/%00";
  return URL.parse(`http://stage.invalid${path}`) ?? new URL("http://stage.invalid/%00");
}

function reply(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
  });
  response.end(body);
}

function replyText(response: ServerResponse, status: number, text: string): void {
  reply(response, status, "text/plain; charset=utf-8", text);
}

function refuseUpgrade(socket: Duplex, status: 403 | 404 | 503, text: string): void {
  const names = { 403: "Forbidden", 404: "Not Found", 503: "Service Unavailable" };
  const head = `HTTP/1.1 ${status} ${names[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8`;
  socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}

/** Null when it is longer than `maximumBytes`. */
async function readBody(request: IncomingMessage, maximumBytes: number): Promise<string | null> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length;
    // The rest is read and let go, so that the client gets to see the answer; requestTimeout bounds it.
    if (length <= maximumBytes) pieces.push(piece);
  }
  return length <= maximumBytes ? Buffer.concat(pieces).toString("utf8") : null;
}
