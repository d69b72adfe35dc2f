import type { Socket } from "node:net";
import { HttpsProxyAgent } from "https-proxy-agent";
import { type RawData, WebSocket } from "ws";
import { TypedEvents } from "../../core/index.ts";
import { onSocketNetworkChange } from "../../native/index.ts";
import type { SoraSettings } from "./options.ts";
import { MAXIMUM_MESSAGE_BYTES } from "./wire.ts";

/** What may wait for a server that does not read; then the socket is cut. */
const MAXIMUM_BUFFERED_BYTES = 4 * 1024 * 1024;
/** How a socket is dialled. */
export interface SocketOptions {
  /** For the handshake, in ms. */
  timeoutMs: number;
  /** How long a close may take before the socket is cut, in ms. */
  closeMs: number;
  userAgent: string;
  tls?: SoraSettings["tls"];
  proxy?: SoraSettings["proxy"];
}

export type SignallingSocketEvents = {
  open: [];
  message: [text: string];
  /** Over, however; fires once. `error` is there when the socket broke or never opened. */
  closed: [code: number, reason: string, error: Error | undefined];
};

/** A WebSocket with bounds: on what it reads, on what waits to be written, and on how long it closes. */
export class SignallingSocket {
  readonly url: string;
  readonly events = new TypedEvents<SignallingSocketEvents>();
  readonly #socket: WebSocket;
  readonly #closeMs: number;
  #error: Error | undefined;
  #closeTimer: NodeJS.Timeout | undefined;
  #stopWatching = () => {};
  #closed = false;

  /** Dials at once. Nothing is read before {@link SignallingSocket.listen}. */
  constructor(url: string, options: SocketOptions) {
    const { tls } = options;
    this.url = url;
    this.#closeMs = options.closeMs;
    this.#socket = new WebSocket(url, {
      handshakeTimeout: options.timeoutMs,
      maxPayload: MAXIMUM_MESSAGE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
      headers: { "user-agent": options.userAgent },
      rejectUnauthorized: tls?.insecure !== true,
      ca: pemOf(tls?.caCertificate),
      cert: pemOf(tls?.clientCertificate),
      key: pemOf(tls?.clientKey),
      agent: options.proxy && proxyAgent(options.proxy, options.userAgent),
      finishRequest: (request) => {
        request.once("socket", (socket) => this.#watch(socket));
        request.end();
      },
    });
    this.#socket.on("open", () => {
      this.#socket.pause();
      this.events.emit("open");
    });
    this.#socket.on("message", (data) => this.events.emit("message", textOf(data)));
    this.#socket.on("error", (error) => {
      this.#error ??= error;
    });
    this.#socket.on("close", (code, reason) => this.#onClose(code, reason.toString("utf8")));
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Lets messages come: call it once their listener is there. */
  listen(): void {
    this.#socket.resume();
  }

  /** False when it is not open. */
  send(text: string): boolean {
    if (!this.isOpen) return false;
    if (this.#socket.bufferedAmount > MAXIMUM_BUFFERED_BYTES) {
      this.#error ??= new Error("the server does not read what it is sent");
      this.terminate();
      return false;
    }
    this.#socket.send(text);
    return true;
  }

  /** Sends a WebSocket ping; `onPong` is called at the next pong. Gives a function that takes it off. */
  ping(onPong: () => void): () => void {
    this.#socket.once("pong", onPong);
    if (this.isOpen) this.#socket.ping();
    return () => this.#socket.off("pong", onPong);
  }

  /** Closes in order, and cuts it when that takes too long. */
  close(code = 1000, reason = ""): void {
    if (this.#closed) return;
    if (!this.isOpen) {
      this.terminate();
      return;
    }
    this.#socket.close(code, reason);
    this.#closeTimer ??= setTimeout(() => this.#socket.terminate(), this.#closeMs);
    this.#closeTimer.unref();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Nothing would come any more, and nobody would be told. */
  #watch(socket: Socket): void {
    if (this.#closed) return;
    this.#stopWatching = onSocketNetworkChange(socket, (error) => {
      this.#error ??= error;
      this.terminate();
    });
  }

  #onClose(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWatching();
    clearTimeout(this.#closeTimer);
    this.events.emit("closed", code, reason, this.#error);
    this.events.removeAllListeners();
    this.#socket.removeAllListeners();
    this.#socket.on("error", () => {});
  }
}

function pemOf(pem: string | Uint8Array | undefined): string | Buffer | undefined {
  return pem instanceof Uint8Array ? Buffer.from(pem) : pem;
}

/** The tunnel of HTTP CONNECT (RFC 9110, section 9.3.6); credentials go to the proxy alone. */
function proxyAgent(proxy: NonNullable<SocketOptions["proxy"]>, userAgent: string): HttpsProxyAgent<string> {
  const url = new URL(proxy.url);
  url.username = encodeURIComponent(proxy.username ?? "");
  url.password = encodeURIComponent(proxy.password ?? "");
  return new HttpsProxyAgent(url, { headers: { "user-agent": proxy.userAgent ?? userAgent } });
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8");
  return Buffer.isBuffer(data) ? data.toString("utf8") : Buffer.from(data).toString("utf8");
}
