import type { WebSocket } from "ws";
import { type Logger, RateLimit, TypedEvents } from "../core/index.ts";
import type { StageLimits } from "./limits.ts";

/** How long a far side may take to answer a close. */
const CLOSE_WAIT_MS = 2000;

/** What a close frame holds beside its code (RFC 6455, section 5.5). */
const MAXIMUM_REASON_BYTES = 123;

/** Codes of RFC 6455 and Sora's own for refused signalling. */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  policy: 1008,
  internal: 1011,
  tryLater: 1013,
  refused: 4490,
} as const;

/** A WebSocket that bounds what comes in and what waits to go out, and whose errors end in `closed`. */
export class BoundedSocket {
  readonly events: TypedEvents<{ text: [text: string]; binary: []; closed: [code: number, reason: string] }>;
  readonly #socket: WebSocket;
  readonly #limits: StageLimits;
  readonly #rate: RateLimit;
  readonly #log: Logger;
  #closing: NodeJS.Timeout | undefined;

  constructor(
    socket: WebSocket,
    limits: StageLimits,
    log: Logger,
    messagesPerSecond = limits.messagesPerSecond,
  ) {
    this.events = new TypedEvents(log);
    this.#socket = socket;
    this.#limits = limits;
    this.#rate = new RateLimit(messagesPerSecond);
    this.#log = log;
    socket.on("message", (data, binary) => this.#receive(data as Buffer, binary));
    socket.on("error", (error) => log.debug("a WebSocket failed", { error }));
    socket.on("close", (code, reason) => {
      clearTimeout(this.#closing);
      this.events.emit("closed", code, reason.toString());
      this.events.removeAllListeners();
    });
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN && this.#closing === undefined;
  }

  /** Sends an object as JSON. False when the socket is closed, or was cut because the far side does not read. */
  send(message: object): boolean {
    if (!this.open) return false;
    if (this.#socket.bufferedAmount > this.#limits.bufferedBytes) {
      this.#log.warn("a WebSocket does not read; it is cut", { waitingBytes: this.#socket.bufferedAmount });
      this.#socket.terminate();
      return false;
    }
    this.#socket.send(JSON.stringify(message), (error) => {
      if (error) this.#log.debug("a WebSocket message was not sent", { error });
    });
    return true;
  }

  /** Closes with a code and a reason, cut to what fits; cuts the socket when the far side does not answer within 2 s. */
  close(code: number, reason: string): void {
    if (this.#closing !== undefined || this.#socket.readyState === this.#socket.CLOSED) return;
    this.#closing = setTimeout(() => this.#socket.terminate(), CLOSE_WAIT_MS);
    this.#socket.close(code, shortened(reason));
  }

  #receive(data: Buffer, binary: boolean): void {
    if (!this.open) return;
    if (!this.#rate.take()) {
      this.#log.warn("a WebSocket sends too much; it is closed");
      this.close(CloseCode.policy, "RATE-LIMIT");
    } else if (binary) this.events.emit("binary");
    else this.events.emit("text", data.toString("utf8"));
  }
}

/** As many whole characters of `reason` as fit into a close frame. */
function shortened(reason: string): string {
  const { written } = new TextEncoder().encodeInto(reason, new Uint8Array(MAXIMUM_REASON_BYTES));
  return Buffer.from(reason).toString("utf8", 0, written);
}
