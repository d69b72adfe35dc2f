import { promisify } from "node:util";
import { deflate, inflate } from "node:zlib";
import PQueue from "p-queue";
import { TroupeError, TypedEvents } from "../../core/index.ts";
import type { TransportChannel } from "../../webrtc/index.ts";
import { MAXIMUM_MESSAGE_BYTES, type OfferedChannel, SENDER_HEADER_BYTES } from "./wire.ts";

const inflateAsync = promisify(inflate);
const deflateAsync = promisify(deflate);

/** What may wait to be sent or to be inflated on one channel, in bytes; more is refused or dropped. */
const MAXIMUM_QUEUED_BYTES = 8 * 1024 * 1024;
const MAXIMUM_QUEUED_MESSAGES = 4096;

export type DataChannelEvents = {
  /** `sender` is the connection id of the header, where the label has one. */
  message: [data: Buffer, sender: string | undefined];
  /** A message that could not be taken; it is counted. */
  dropped: [why: string];
  closed: [];
};

/** One label of a connection: its compression (RFC 1950), its header and its order. */
export class DataChannel {
  readonly label: string;
  readonly direction: "sendrecv" | "sendonly" | "recvonly";
  readonly events = new TypedEvents<DataChannelEvents>();
  readonly #channel: TransportChannel;
  readonly #compress: boolean;
  readonly #hasHeader: boolean;
  readonly #incoming = new PQueue({ concurrency: 1 });
  readonly #outgoing = new PQueue({ concurrency: 1 });
  readonly #stop = new AbortController();
  readonly #offs: (() => void)[];
  #queuedIn = 0;
  #queuedOut = 0;
  /** Messages that were dropped. */
  dropped = 0;

  constructor(channel: TransportChannel, offered: OfferedChannel | undefined) {
    this.label = channel.label;
    this.direction = offered?.direction ?? "sendrecv";
    this.#channel = channel;
    this.#compress = offered?.compress ?? false;
    this.#hasHeader = offered?.header?.some(({ type }) => type === "sender_connection_id") ?? false;
    this.#offs = [
      channel.events.on("message", (data) => this.#onMessage(data)),
      channel.events.on("closed", () => this.#onClosed()),
    ];
  }

  get isOpen(): boolean {
    return this.#channel.state === "open" && !this.#stop.signal.aborted;
  }

  /** Whether `send` would take a message of this size now. */
  canTake(bytes: number): boolean {
    return (
      this.isOpen &&
      bytes <= MAXIMUM_MESSAGE_BYTES &&
      this.#queuedOut + bytes <= MAXIMUM_QUEUED_BYTES &&
      this.#outgoing.size < MAXIMUM_QUEUED_MESSAGES
    );
  }

  /**
   * Sends in the order of the calls; resolves when the transport took the message.
   *
   * @throws TroupeError QUEUE_FULL, INVALID_MESSAGE when it is too long, CLOSED when the channel closes first.
   */
  async send(data: Uint8Array | string): Promise<void> {
    const bytes = Buffer.byteLength(data);
    if (!this.isOpen) throw this.#closedError();
    if (bytes > MAXIMUM_MESSAGE_BYTES) {
      throw TroupeError.expected("INVALID_MESSAGE", "data", `at most ${MAXIMUM_MESSAGE_BYTES} bytes`, bytes);
    }
    if (!this.canTake(bytes))
      throw new TroupeError("QUEUE_FULL", `Too much waits to be sent on ${this.label}`);
    // The caller may go on with its buffer.
    const own = typeof data === "string" ? data : Buffer.from(data);
    this.#queuedOut += bytes;
    try {
      await this.#outgoing.add(() => this.#deliver(own), { signal: this.#stop.signal });
    } catch (error) {
      throw this.#stop.signal.aborted ? this.#closedError() : error;
    } finally {
      this.#queuedOut -= bytes;
    }
  }

  /** Lets go of the channel; it is its transport's to close. */
  close(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    for (const off of this.#offs) off();
    this.#incoming.clear();
    this.#outgoing.clear();
    this.events.removeAllListeners();
  }

  async #deliver(data: string | Buffer): Promise<void> {
    const packed = this.#compress ? await deflateAsync(data) : data;
    while (this.isOpen) {
      if (this.#channel.send(packed)) return;
      await this.#room();
    }
    throw this.#closedError();
  }

  #room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { signal } = this.#stop;
    const onAbort = () => resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    const offs = [
      this.#channel.events.on("low", resolve),
      this.#channel.events.on("closed", () => resolve()),
    ];
    return promise.finally(() => {
      signal.removeEventListener("abort", onAbort);
      for (const off of offs) off();
    });
  }

  #onMessage(data: Buffer): void {
    if (!this.#compress) {
      this.#take(data);
      return;
    }
    if (
      this.#incoming.size >= MAXIMUM_QUEUED_MESSAGES ||
      this.#queuedIn + data.length > MAXIMUM_QUEUED_BYTES
    ) {
      this.#drop("too much waits to be inflated");
      return;
    }
    this.#queuedIn += data.length;
    const unpack = async () => {
      try {
        const unpacked = await inflateAsync(data, { maxOutputLength: MAXIMUM_MESSAGE_BYTES });
        if (!this.#stop.signal.aborted) this.#take(unpacked);
      } catch {
        this.#drop("not zlib data, or too long");
      } finally {
        this.#queuedIn -= data.length;
      }
    };
    void this.#incoming.add(unpack);
  }

  #take(data: Buffer): void {
    if (data.length > MAXIMUM_MESSAGE_BYTES) this.#drop("too long");
    else if (!this.#hasHeader) this.events.emit("message", data, undefined);
    else if (data.length < SENDER_HEADER_BYTES) this.#drop("shorter than its header");
    else {
      const sender = data.toString("latin1", 0, SENDER_HEADER_BYTES);
      this.events.emit("message", data.subarray(SENDER_HEADER_BYTES), sender);
    }
  }

  #drop(why: string): void {
    this.dropped += 1;
    this.events.emit("dropped", why);
  }

  async #onClosed(): Promise<void> {
    // What came before the close is still told.
    await this.#incoming.onIdle();
    this.events.emit("closed");
    this.close();
  }

  #closedError(): TroupeError {
    return new TroupeError("CLOSED", `The data channel ${this.label} is closed`);
  }
}
