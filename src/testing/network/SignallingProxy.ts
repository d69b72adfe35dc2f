import { once } from "node:events";
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

/** A WebSocket proxy on loopback in front of a signalling server, which may change every message. */
export class SignallingProxy {
  readonly #server: WebSocketServer;
  readonly #rewrite: RewriteMessage;
  readonly #far = new Set<WebSocket>();

  private constructor(server: WebSocketServer, target: URL, rewrite: RewriteMessage) {
    this.#server = server;
    this.#rewrite = rewrite;
    server.on("connection", (near, request) => {
      const url = new URL(target);
      url.pathname = new URL(request.url ?? "/", target).pathname;
      url.search = new URL(request.url ?? "/", target).search;
      const { authorization } = request.headers;
      const far = new WebSocket(url, near.protocol ? [near.protocol] : [], {
        maxPayload: MAXIMUM_MESSAGE_BYTES,
        headers: authorization ? { authorization } : {},
      });
      this.#join(near, far);
    });
  }

  /** A proxy in front of the server that `url` (ws:// or wss://) names. */
  static async before(url: string, rewrite: RewriteMessage): Promise<SignallingProxy> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: MAXIMUM_MESSAGE_BYTES });
    await once(server, "listening");
    return new SignallingProxy(server, new URL(url), rewrite);
  }

  /** `url` with the way through this proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.protocol = "ws:";
    changed.hostname = "127.0.0.1";
    changed.port = String((this.#server.address() as AddressInfo).port);
    return changed.href;
  }

  /** Ends it and every connection through it. */
  async close(): Promise<void> {
    for (const socket of [...this.#server.clients, ...this.#far]) socket.terminate();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
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
