import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { z } from "zod";
import {
  type Clock,
  type Logger,
  logger,
  parseOptions,
  randomId,
  secretsMatch,
  TroupeError,
} from "../../core/index.ts";
import { allowedHostNames, checkHost, checkOrigin, isUnspecified } from "../access.ts";
import { parseJson } from "../messages.ts";
import { type AvatarFault, Faults, httpErrorOf } from "./faults.ts";
import { type AvatarLimits, avatarLimitsSchema } from "./limits.ts";
import type { JoinRoom } from "./RoomEgress.ts";
import { ServedSession } from "./ServedSession.ts";
import { SessionTokens } from "./SessionTokens.ts";

/** How an avatar service is started. */
export interface AvatarServiceOptions {
  /** Address to listen on; 127.0.0.1 when left out. */
  host?: string;
  /** TCP port; 0, the default, takes any that is free. */
  port?: number;
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** What clients ask for tokens with; one that nobody guesses when left out. At least 8 characters. */
  apiKey?: string;
  /** The application that tokens are good for; `troupe` when left out. */
  appId?: string;
  /** The avatars there are; any name when left out. */
  avatarIds?: string[];
  /** What one frame of animation covers, in ms; 40 when left out. */
  frameMs?: number;
  /** From the first audio to the first frame, in ms; 80 when left out. */
  latencyMs?: number;
  /**
   * Joins LiveKit rooms for clients that want the face there:
   * `(target) => connect(livekit(target))`. Without it that is refused.
   */
  joinRoom?: JoinRoom;
  /** Names under which it is reached besides its address, for the check of the Host header. */
  hostNames?: string[];
  /** Origins of web pages that may use it: `https://example.com`. */
  allowedOrigins?: string[];
  limits?: Partial<AvatarLimits>;
  log?: Logger;
  /** The pace of animation; replaced in tests. */
  clock?: Clock;
}

const MAXIMUM_BODY_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const FRAME_ERROR = "10 to 1000 (ms)";

const optionsSchema = z.strictObject({
  host: z.string("an address").min(1, "an address").default("127.0.0.1"),
  port: z
    .int("a port from 0 to 65535")
    .min(0, "a port from 0 to 65535")
    .max(65_535, "a port from 0 to 65535")
    .default(0),
  tls: z.object({ cert: z.any(), key: z.any() }, "an object with cert and key").optional(),
  apiKey: z.string("a text").min(8, "at least 8 characters").optional(),
  appId: z.string("a text").min(1, "a text").default("troupe"),
  avatarIds: z.array(z.string("a text"), "an array of texts").optional(),
  frameMs: z.int(FRAME_ERROR).min(10, FRAME_ERROR).max(1_000, FRAME_ERROR).default(40),
  latencyMs: z.int("0 to 60000 (ms)").min(0, "0 to 60000 (ms)").max(60_000, "0 to 60000 (ms)").default(80),
  joinRoom: z.custom<JoinRoom>((value) => typeof value === "function", "a function").optional(),
  hostNames: z.array(z.string()).default([]),
  allowedOrigins: z.array(z.string()).default([]),
  limits: avatarLimitsSchema.prefault({}),
  log: z.custom<Logger>().optional(),
  clock: z.custom<Clock>().optional(),
});

const tokenRequestSchema = z.object({ expireAt: z.number() });

/**
 * A local avatar service: gives session tokens, takes audio, and answers with frames of animation at the pace of that
 * audio, or shows the face in a LiveKit room. It fails as it is told to.
 *
 * @example
 * await using service = await AvatarService.start();
 * await using session = new AvatarSession({ ...service.client, avatarId: "anybody" });
 */
export class AvatarService {
  /** What a client needs to use it: the options of an AvatarSession but for the avatar. */
  readonly client: { consoleUrl: string; ingressUrl: string; apiKey: string; appId: string };
  readonly #options: z.output<typeof optionsSchema>;
  readonly #log: Logger;
  readonly #hostNames: ReadonlySet<string>;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #tokens: SessionTokens;
  readonly #faults = new Faults();
  readonly #sessions = new Set<ServedSession>();
  readonly #past: ServedSession[] = [];
  readonly #silent = new Set<Duplex>();
  #closing: Promise<void> | undefined;

  /** @throws TroupeError INVALID_OPTION, or SIGNALLING_FAILED when the port is taken. */
  static async start(options: AvatarServiceOptions = {}): Promise<AvatarService> {
    const checked = parseOptions(optionsSchema, options, "AvatarService");
    const server = checked.tls ? createSecureServer(checked.tls) : createServer();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(checked.port, checked.host, resolve);
    await promise.catch((error) => {
      throw TroupeError.from("SIGNALLING_FAILED", error, "The avatar service cannot listen");
    });
    server.off("error", reject);
    return new AvatarService(checked, server);
  }

  private constructor(options: z.output<typeof optionsSchema>, server: Server) {
    const { host, limits, tls } = options;
    this.#options = options;
    this.#log = options.log ?? logger;
    this.#hostNames = allowedHostNames(host, options.hostNames);
    this.#tokens = new SessionTokens(limits.tokens);
    this.#server = server;
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: limits.messageBytes,
      perMessageDeflate: false,
    });
    const { port } = server.address() as AddressInfo;
    const name = isUnspecified(host) ? "127.0.0.1" : host;
    const base = `${tls ? "https" : "http"}://${name.includes(":") ? `[${name}]` : name}:${port}`;
    this.client = {
      consoleUrl: `${base}/v1/console`,
      ingressUrl: `${base}/v2/driveningress`,
      apiKey: options.apiKey ?? randomId(),
      appId: options.appId,
    };
    this.#serve();
  }

  /** Who is connected, and the last hundred who were. */
  get sessions(): readonly ServedSession[] {
    return [...this.#past, ...this.#sessions];
  }

  /** Fails once, at the next occasion in that phase; several are taken in turn. */
  failNext(fault: AvatarFault): void {
    this.#faults.add(fault);
  }

  /** Ends every session and frees the port. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const session of this.#sessions) session.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets.clients) socket.terminate();
    for (const socket of this.#silent) socket.destroy();
    this.#server.closeAllConnections();
    await promise;
  }

  #serve(): void {
    const server = this.#server;
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    server.headersTimeout = REQUEST_TIMEOUT_MS;
    server.maxConnections = this.#options.limits.sessions * 2 + 64;
    server.on("error", (error) => this.#log.error("the avatar service failed", { error }));
    server.on("clientError", (_error, socket) => socket.destroy());
    server.on("request", (request, response) => {
      this.#request(request, response).catch((error) => {
        this.#log.error("the avatar service could not answer", { error });
        response.destroy();
      });
    });
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** POST {console}/session-tokens */
  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isForeign = this.#isForeign(request);
    const body = await readBody(request);
    if (isForeign || urlOf(request).pathname !== "/v1/console/session-tokens" || request.method !== "POST") {
      answer(
        response,
        404,
        '{"errors":[{"id":"emulator","status":404,"code":"NOT_FOUND","title":"nothing here"}]}',
      );
      return;
    }
    const fault = this.#faults.take("session_token");
    if (fault === "silence") return;
    if (fault === "connectionFailed" || fault === "connectionClosed") response.destroy();
    else if (fault) answerError(response, fault);
    else if (!secretsMatch(request.headers["x-api-key"], this.client.apiKey))
      answerError(response, "sessionTokenExpired", "the API key is not known");
    else this.#giveToken(body, response);
  }

  #giveToken(body: string | null, response: ServerResponse): void {
    const wish = tokenRequestSchema.safeParse(body === null ? null : readJson(body));
    const sessionToken = wish.success ? this.#tokens.issue(wish.data.expireAt * 1000) : null;
    if (sessionToken === null) answerError(response, "invalidRequest");
    else answer(response, 200, JSON.stringify({ sessionToken }));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const refusal = this.#refusalOf(request);
    if (refusal === "silence") this.#keepSilent(socket);
    else if (refusal === "connectionFailed" || refusal === "connectionClosed") socket.destroy();
    else if (refusal) refuse(socket, httpErrorOf(refusal));
    else if (this.#sessions.size >= this.#options.limits.sessions) refuse(socket, httpErrorOf("serverError"));
    else this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#admit(webSocket));
  }

  /** Sockets without an answer are no one's but ours. */
  #keepSilent(socket: Duplex): void {
    this.#silent.add(socket);
    socket.on("close", () => this.#silent.delete(socket));
  }

  #refusalOf(request: IncomingMessage): AvatarFault["reason"] | null {
    const url = urlOf(request);
    if (this.#isForeign(request) || url.pathname !== "/v2/driveningress/websocket") return "invalidRequest";
    const fault = this.#faults.take("websocket_connect");
    if (fault) return fault;
    const token = request.headers["x-session-key"] ?? url.searchParams.get("sessionKey") ?? "";
    const state = this.#tokens.check(String(token));
    if (state !== "good") return state === "expired" ? "sessionTokenExpired" : "sessionTokenInvalid";
    const appId = request.headers["x-app-id"] ?? url.searchParams.get("appId");
    if (!secretsMatch(appId, this.client.appId)) return "appIDMismatch";
    const avatarId = url.searchParams.get("id");
    const { avatarIds } = this.#options;
    return avatarId && (!avatarIds || avatarIds.includes(avatarId)) ? null : "avatarNotFound";
  }

  #admit(socket: ConstructorParameters<typeof ServedSession>[0]): void {
    const { limits, frameMs, latencyMs, joinRoom, clock } = this.#options;
    const onClosed = (session: ServedSession) => {
      this.#sessions.delete(session);
      this.#past.push(session);
      if (this.#past.length > 100) this.#past.shift();
    };
    const log = this.#log;
    const faults = this.#faults;
    const options = { limits, faults, frameMs, latencyMs, joinRoom, clock, log, onClosed };
    this.#sessions.add(new ServedSession(socket, options));
  }

  /** Whether it comes from a web page that was not let in, or by a name that is not ours. */
  #isForeign({ headers }: IncomingMessage): boolean {
    const { tls, allowedOrigins } = this.#options;
    if (checkHost(headers.host, this.#hostNames)) return true;
    return checkOrigin(headers.origin, headers.host, tls !== undefined, allowedOrigins) === "refused";
  }
}

function urlOf(request: IncomingMessage): URL {
  const path = request.url?.startsWith("/") ? request.url : "/";
  return URL.parse(`http://avatar.invalid${path}`) ?? new URL("http://avatar.invalid/");
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(body);
}

function answerError(
  response: ServerResponse,
  reason: Parameters<typeof httpErrorOf>[0],
  text?: string,
): void {
  const { status, body } = httpErrorOf(reason, text);
  answer(response, status, body);
}

function refuse(socket: Duplex, { status, body }: { status: number; body: string }): void {
  const head = `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: application/json`;
  socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function readJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** Null when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length <= MAXIMUM_BODY_BYTES) pieces.push(piece);
  }
  return length <= MAXIMUM_BODY_BYTES ? Buffer.concat(pieces).toString("utf8") : null;
}
