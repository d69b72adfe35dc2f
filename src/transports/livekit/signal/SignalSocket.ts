import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type RawData, WebSocket } from "ws";
import { TypedEvents } from "../../../core/index.ts";
import { onSocketNetworkChange } from "../../../native/index.ts";

/** The largest message read, in bytes: a JoinResponse names everybody in the room. */
const MAXIMUM_MESSAGE_BYTES = 16 * 1024 * 1024;
/** What may wait for a server that does not read, in bytes; then the socket is cut. */
const MAXIMUM_BUFFERED_BYTES = 4 * 1024 * 1024;
/** How much is read of the text that a refused handshake carries, in bytes. */
const MAXIMUM_REFUSAL_BYTES = 4096;
/** How long a close may take before the socket is cut, in ms. */
const CLOSE_MS = 500;

/** What a server said to a handshake that it refused. */
export interface Refusal {
  /** HTTP status. */
  status: number;
  /** Its body, shortened. */
  text: string;
}

/** How a socket ended. */
export interface SocketEnding {
  /** The WebSocket close code; 1006 when it broke or never opened. */
  code: number;
  reason: string;
  /** There when the server answered the handshake with something other than a WebSocket. */
  refusal: Refusal | undefined;
  error: Error | undefined;
}

export type SignalSocketEvents = {
  open: [];
  message: [data: Buffer, binary: boolean];
  /** Over, however; fires once. */
  closed: [ending: SocketEnding];
};

/** A WebSocket with bounds: on what it reads, on what waits to be written, and on how long it closes. */
export class SignalSocket {
  readonly events = new TypedEvents<SignalSocketEvents>();
  readonly #socket: WebSocket;
  #error: Error | undefined;
  #refusal: Refusal | undefined;
  #closeTimer: NodeJS.Timeout | undefined;
  #stopWatching = () => {};
  #closed = false;

  /** Dials at once. The token travels in a header, so that no log of addresses holds it. */
  constructor(url: string, token: string, handshakeTimeoutMs: number) {
    this.#socket = new WebSocket(url, {
      handshakeTimeout: handshakeTimeoutMs,
      maxPayload: MAXIMUM_MESSAGE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
      headers: { authorization: `Bearer ${token}` },
      finishRequest: (request) => {
        request.once("socket", (socket) => this.#watch(socket));
        request.end();
      },
    });
    this.#socket.on("open", () => this.events.emit("open"));
    this.#socket.on("message", (data, binary) => this.events.emit("message", bytesOf(data), binary));
    this.#socket.on("unexpected-response", (_request, response) => this.#onRefused(response));
    this.#socket.on("error", (error) => {
      this.#error ??= error;
    });
    this.#socket.on("close", (code, reason) => this.#onClose(code, reason.toString("utf8")));
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** False when it is not open. */
  send(data: Uint8Array): boolean {
    if (!this.isOpen) return false;
    if (this.#socket.bufferedAmount > MAXIMUM_BUFFERED_BYTES) {
      this.terminate(new Error("the server does not read what it is sent"));
      return false;
    }
    this.#socket.send(data, { binary: true });
    return true;
  }

  /** Closes in order, and cuts it when that takes too long. */
  close(): void {
    if (this.#closed) return;
    if (!this.isOpen) {
      this.terminate();
      return;
    }
    this.#socket.close(1000);
    this.#closeTimer ??= setTimeout(() => this.#socket.terminate(), CLOSE_MS);
    this.#closeTimer.unref();
  }

  /** Cuts it; `error` says why. */
  terminate(error?: Error): void {
    this.#error ??= error;
    this.#socket.terminate();
  }

  /** Nothing would come any more, and nobody would be told. */
  #watch(socket: Socket): void {
    if (!this.#closed) this.#stopWatching = onSocketNetworkChange(socket, (error) => this.terminate(error));
  }

  #onRefused(response: IncomingMessage): void {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = () => {
      if (this.#refusal) return;
      const text = Buffer.concat(chunks).toString("utf8").slice(0, MAXIMUM_REFUSAL_BYTES).trim();
      this.#refusal = { status: response.statusCode ?? 0, text };
      response.destroy();
      this.#socket.terminate();
    };
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAXIMUM_REFUSAL_BYTES) finish();
    });
    response.once("end", finish);
    response.once("close", finish);
  }

  #onClose(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWatching();
    clearTimeout(this.#closeTimer);
    this.events.emit("closed", { code, reason, refusal: this.#refusal, error: this.#error });
    this.events.removeAllListeners();
    this.#socket.removeAllListeners();
    this.#socket.on("error", () => {});
  }
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
