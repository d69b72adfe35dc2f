import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Direction } from "./link.worker.ts";
import type { NetworkLink } from "./NetworkLink.ts";

/**
 * Changes a signalling message on its way: texts are strings, binary messages buffers.
 *
 * @returns what goes on in its place; undefined for nothing.
 */
export type RewriteMessage = (message: string | Buffer, direction: Direction) => string | Buffer | undefined;

/** Frames of this length and more end the connection. */
const MAXIMUM_MESSAGE_BYTES = 4 << 20;
/** Messages of a client that wait while the server is dialled. */
const MAXIMUM_WAITING = 64;
/** Not to be sent in a close frame (RFC 6455, section 7.4.1). */
const RESERVED_CODES = new Set([1004, 1005, 1006, 1015]);

/** How long the server may take to answer a plain request, in ms. */
const ANSWER_MS = 5_000;

/** A WebSocket proxy on loopback in front of a signalling server, which may change every message. */
export class SignallingProxy {
  readonly #http: Server;
  readonly #server: WebSocketServer;
  readonly #rewrite: RewriteMessage;
  readonly #far = new Set<WebSocket>();

  private constructor(http: Server, target: URL, rewrite: RewriteMessage) {
    const server = new WebSocketServer({ server: http, maxPayload: MAXIMUM_MESSAGE_BYTES });
    this.#http = http;
    this.#server = server;
    this.#rewrite = rewrite;
    server.on("connection", (near, request) => {
      const far = new WebSocket(urlOf(request, target), near.protocol ? [near.protocol] : [], {
        maxPayload: MAXIMUM_MESSAGE_BYTES,
        headers: headersOf(request),
      });
      this.#join(near, far);
    });
  }

  /** A proxy in front of the server that `url` (ws:// or wss://) names. */
  static async before(url: string, rewrite: RewriteMessage): Promise<SignallingProxy> {
    const target = new URL(url);
    const http = createServer((request, response) => void answer(request, response, target));
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return new SignallingProxy(http, target, rewrite);
  }

  /** `url` with the way through this proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.protocol = "ws:";
    changed.hostname = "127.0.0.1";
    changed.port = String((this.#http.address() as AddressInfo).port);
    return changed.href;
  }

  /** Ends it and every connection through it. */
  async close(): Promise<void> {
    for (const socket of [...this.#server.clients, ...this.#far]) socket.terminate();
    this.#server.close();
    this.#http.closeAllConnections();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #join(near: WebSocket, far: WebSocket): void {
    const waiting: (string | Buffer)[] = [];
    this.#far.add(far);
    far.once("open", () => {
      for (const message of waiting.splice(0)) far.send(message);
    });
    near.on("message", (data: Buffer, isBinary) => {
      const message = this.#rewrite(isBinary ? data : data.toString(), "toServer");
      if (message === undefined) return;
      if (far.readyState === WebSocket.OPEN) far.send(message);
      else if (waiting.length < MAXIMUM_WAITING) waiting.push(message);
      else near.terminate();
    });
    far.on("message", (data: Buffer, isBinary) => {
      const message = this.#rewrite(isBinary ? data : data.toString(), "toClient");
      if (message !== undefined && near.readyState === WebSocket.OPEN) near.send(message);
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      // An error is followed by a close.
      socket.on("error", () => {});
      socket.on("close", (code, reason) => {
        this.#far.delete(socket);
        if (RESERVED_CODES.has(code) || other.readyState !== WebSocket.OPEN) other.terminate();
        else other.close(code, reason);
      });
    }
  }
}

/** Passes on what is no WebSocket, such as LiveKit's question why a token is refused; 502 without a server. */
async function answer(request: IncomingMessage, response: ServerResponse, target: URL): Promise<void> {
  const url = urlOf(request, target);
  url.protocol = url.protocol.replace("ws", "http");
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const from = await fetch(url, { headers: headersOf(request), redirect: "manual", signal });
    response.writeHead(from.status).end(await from.bytes());
  } catch {
    response.writeHead(502).end();
  }
}

/** Only the path is the client's to choose. */
function urlOf(request: IncomingMessage, target: URL): URL {
  const asked = new URL(request.url ?? "/", target);
  const url = new URL(target);
  url.pathname = asked.pathname;
  url.search = asked.search;
  return url;
}

/** LiveKit's clients carry their token so. */
function headersOf({ headers: { authorization } }: IncomingMessage): Record<string, string> {
  return authorization ? { authorization } : {};
}

/**
 * Leads Sora's signalling through a link: offers name the link alone, answers and candidates of the client name
 * nothing. For connections that signal by WebSocket only, since what goes over data channels does not pass a proxy.
 */
export function soraThrough(link: NetworkLink): RewriteMessage {
  return (message, direction) => {
    if (typeof message !== "string") return message;
    const content = parsed(message);
    if (content?.type === "candidate") return undefined;
    if (typeof content?.sdp !== "string") return message;
    const sdp = direction === "toClient" ? link.throughSdp(content.sdp) : link.withoutCandidates(content.sdp);
    return JSON.stringify({ ...content, sdp });
  };
}

/** What a message says; null when it is no JSON: what either end makes of that is for it to show. */
function parsed(message: string): { type?: unknown; sdp?: unknown } | null {
  try {
    return JSON.parse(message) as { type?: unknown; sdp?: unknown } | null;
  } catch {
    return null;
  }
}
