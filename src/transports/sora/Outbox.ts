import { type Clock, TroupeError } from "../../core/index.ts";
import type { DataChannel } from "./DataChannel.ts";
import { MAXIMUM_MESSAGE_BYTES } from "./wire.ts";

/** What may wait to be sent on one label; more is refused. */
const MAXIMUM_BYTES = 8 * 1024 * 1024;
const MAXIMUM_MESSAGES = 4096;

interface Waiting {
  data: string | Buffer;
  bytes: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * What the user sends on one label, in the order of the calls and over reconnects: what the data channel had not taken
 * when it was lost goes out on the next one of the same label.
 */
export class Outbox {
  readonly #label: string;
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #channel: DataChannel | undefined;
  #sending = false;
  #expiry: unknown;
  #closed = false;

  /** @param keepMs how long messages wait for the next channel, in ms */
  constructor(label: string, clock: Clock, keepMs: number) {
    this.#label = label;
    this.#clock = clock;
    this.#keepMs = keepMs;
  }

  /** The label is open (again). */
  attach(channel: DataChannel): void {
    this.#clock.clearTimeout(this.#expiry);
    this.#channel = channel;
    void this.#send();
  }

  /** The channel of the label is gone; what waits is kept for a while. */
  detach(): void {
    this.#channel = undefined;
    this.#clock.clearTimeout(this.#expiry);
    if (this.#waiting.length === 0) return;
    this.#expiry = this.#clock.setTimeout(() => this.#refuseAll(), this.#keepMs);
  }

  /** Whether {@link Outbox.send} would take a message of this size now. */
  canTake(bytes: number): boolean {
    return (
      !this.#closed &&
      bytes <= MAXIMUM_MESSAGE_BYTES &&
      this.#bytes + bytes <= MAXIMUM_BYTES &&
      this.#waiting.length < MAXIMUM_MESSAGES
    );
  }

  /**
   * Resolves when the transport took the message.
   *
   * @throws TroupeError INVALID_MESSAGE when it is too long, QUEUE_FULL, CLOSED when the connection ends first, or no
   * other channel comes in time.
   */
  async send(data: Uint8Array | string): Promise<void> {
    const bytes = Buffer.byteLength(data);
    if (this.#closed) throw this.#closedError();
    if (bytes > MAXIMUM_MESSAGE_BYTES) {
      throw TroupeError.expected("INVALID_MESSAGE", "data", `at most ${MAXIMUM_MESSAGE_BYTES} bytes`, bytes);
    }
    if (!this.canTake(bytes)) {
      throw new TroupeError("QUEUE_FULL", `Too much waits to be sent on ${this.#label}`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // The caller may go on with its buffer.
    const own = typeof data === "string" ? data : Buffer.from(data);
    this.#waiting.push({ data: own, bytes, resolve, reject });
    this.#bytes += bytes;
    void this.#send();
    await promise;
  }

  /** The connection is over: what waits is refused. */
  close(): void {
    this.#closed = true;
    this.#channel = undefined;
    this.#clock.clearTimeout(this.#expiry);
    this.#refuseAll();
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#channel?.isOpen && this.#waiting[0]) await this.#sendFirst(this.#channel, this.#waiting[0]);
    this.#sending = false;
  }

  async #sendFirst(channel: DataChannel, first: Waiting): Promise<void> {
    try {
      await channel.send(first.data);
      this.#end(first)?.resolve();
    } catch (error) {
      // It was lost before it took the message: the next one has it first.
      if (channel.isOpen) this.#end(first)?.reject(error);
    }
  }

  /** Nothing when it was refused meanwhile. */
  #end(message: Waiting): Waiting | undefined {
    if (this.#waiting[0] !== message) return undefined;
    this.#bytes -= message.bytes;
    return this.#waiting.shift();
  }

  #refuseAll(): void {
    this.#bytes = 0;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#closedError());
  }

  #closedError(): TroupeError {
    return new TroupeError("CLOSED", `The data channel ${this.#label} is closed`);
  }
}
