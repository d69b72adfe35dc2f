import { type RawData, WebSocket } from "ws";
import { TypedEvents } from "../../core/index.ts";
import { MAXIMUM_MESSAGE_BYTES } from "./wire.ts";

/** What may wait for a server that does not read; then the socket is cut. */
const MAXIMUM_BUFFERED_BYTES = 4 * 1024 * 1024;
/** How long a close may take before the socket is cut, in ms. */
const CLOSE_MS = 500;

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
  #error: Error | undefined;
  #closeTimer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Dials at once. Nothing is read before {@link SignallingSocket.listen}. */
  constructor(url: string, handshakeTimeoutMs: number, userAgent: string) {
    this.url = url;
    this.#socket = new WebSocket(url, {
      handshakeTimeout: handshakeTimeoutMs,
      maxPayload: MAXIMUM_MESSAGE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
      headers: { "user-agent": userAgent },
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
    this.#closeTimer ??= setTimeout(() => this.#socket.terminate(), CLOSE_MS);
    this.#closeTimer.unref();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #onClose(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#closeTimer);
    this.events.emit("closed", code, reason, this.#error);
    this.events.removeAllListeners();
    this.#socket.removeAllListeners();
    this.#socket.on("error", () => {});
  }
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8");
  return Buffer.isBuffer(data) ? data.toString("utf8") : Buffer.from(data).toString("utf8");
}
