import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { type Logger, RateLimit } from "../../core/index.ts";
import { binaryFrame } from "./binaryFrame.ts";
import type { LimitSettings } from "./options.ts";

/** How long a far side may take to answer a close, in ms. */
const CLOSE_WAIT_MS = 2_000;
/** What a close frame holds beside its code (RFC 6455, section 5.5). */
const MAXIMUM_REASON_BYTES = 123;
/** Between two listeners passes a turn of the event loop at the most. */
const MAXIMUM_EARLY = 64;
/** Codes of RFC 6455, section 7.4, and of the registry that it made. */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  abnormal: 1006,
  policy: 1008,
  tryAgainLater: 1013,
} as const;

/** Who takes what comes. */
export interface CallListener {
  audio(data: Buffer): void;
  text(text: string): void;
  failed(error: Error): void;
  /** Over, however; called once. 1006 when it broke. */
  closed(code: number, reason: string): void;
}

/** The WebSocket of one call, with bounds on what comes, on what waits to go, and on silence. */
export class CallSocket {
  #listener: CallListener | undefined;
  /** What came while nobody listened. */
  readonly #early: ((listener: CallListener) => void)[] = [];
  readonly #socket: WebSocket;
  /** What `#socket` is on. */
  readonly #stream: Duplex;
  readonly #limits: LimitSettings;
  readonly #rate: RateLimit;
  readonly #log: Logger;
  readonly #liveness: NodeJS.Timeout;
  #heard = true;
  #closing: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, stream: Duplex, limits: LimitSettings, log: Logger) {
    this.#socket = socket;
    this.#stream = stream;
    this.#limits = limits;
    this.#rate = new RateLimit(limits.messagesPerSecond);
    this.#log = log;
    this.#liveness = setInterval(() => this.#checkLiveness(), limits.silentMs / 2);
    socket.on("message", (data, isBinary) => this.#receive(data as Buffer, isBinary));
    socket.on("pong", () => {
      this.#heard = true;
    });
    socket.on("error", (error) => this.#tell((listener) => listener.failed(error)));
    socket.on("close", (code, reason) => this.#onClose(code, reason.toString("utf8")));
  }

  /** Tells `listener` from now on, and what came while there was none; null for nobody. */
  listen(listener: CallListener | null): void {
    this.#listener = listener ?? undefined;
    while (this.#listener && this.#early.length > 0) this.#early.shift()!(this.#listener);
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN && this.#closing === undefined;
  }

  /** A text message. False, and nothing is sent, when the socket is not open or too much waits for a far side that does not read. */
  sendText(text: string): boolean {
    if (!this.open || this.isFull) return false;
    this.#socket.send(text);
    return true;
  }

  /**
   * The same for a binary message, which is copied. Header and data go out in one write, past `ws`, which makes two of
   * them: with hundreds of calls that is a good part of all the work. `ws` writes whole frames only, so none is cut in two.
   */
  sendBinary(data: Uint8Array): boolean {
    if (!this.open || this.isFull) return false;
    this.#stream.write(binaryFrame(data));
    return true;
  }

  /** Whether so much waits to be sent that nothing more is taken. */
  get isFull(): boolean {
    return this.#socket.bufferedAmount > this.#limits.bufferedBytes;
  }

  /** Bytes that wait to be sent. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Closes in order; cuts the socket when the far side does not answer within 2 s. */
  close(code: number, reason: string): void {
    if (this.#closing !== undefined || this.#socket.readyState === this.#socket.CLOSED) return;
    this.#closing = setTimeout(() => this.#socket.terminate(), CLOSE_WAIT_MS);
    const { written } = new TextEncoder().encodeInto(reason, new Uint8Array(MAXIMUM_REASON_BYTES));
    this.#socket.close(code, Buffer.from(reason).subarray(0, written));
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.#heard = true;
    if (!this.open) return;
    if (!this.#rate.take()) {
      this.#log.warn("a call sends too much; it is closed");
      this.close(CloseCode.policy, "too many messages");
    } else if (!this.#listener) this.#tell((listener) => pass(listener, data, isBinary));
    else pass(this.#listener, data, isBinary);
  }

  /** A far side whose network went away says nothing at all, not even that. */
  #checkLiveness(): void {
    if (!this.#heard) {
      this.#log.info("a call is silent; it is cut");
      this.#socket.terminate();
      return;
    }
    this.#heard = false;
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  #onClose(code: number, reason: string): void {
    clearInterval(this.#liveness);
    clearTimeout(this.#closing);
    this.#early.length = Math.min(this.#early.length, MAXIMUM_EARLY - 1);
    this.#tell((listener) => listener.closed(code, reason));
  }

  #tell(what: (listener: CallListener) => void): void {
    if (this.#listener) what(this.#listener);
    else if (this.#early.length < MAXIMUM_EARLY) this.#early.push(what);
  }
}

function pass(listener: CallListener, data: Buffer, isBinary: boolean): void {
  if (isBinary) listener.audio(data);
  else listener.text(data.toString("utf8"));
}
