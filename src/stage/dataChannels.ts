import { inflateSync } from "node:zlib";
import { type Logger, RateLimit, TroupeError, TypedEvents } from "../core/index.ts";
import type { Session, TransportChannel } from "../webrtc/index.ts";
import { deflate } from "./deflate.ts";
import type { ForwardedMessage } from "./ForwardedMessage.ts";
import type { StageLimits } from "./limits.ts";
import { type DataChannelWish, type OfferedDataChannel, parseJson } from "./messages.ts";

/** The labels of Sora's own, each with the direction that the offer names. */
const SYSTEM_CHANNELS = [
  { label: "signaling", direction: "sendrecv" },
  { label: "notify", direction: "recvonly" },
  { label: "push", direction: "recvonly" },
  { label: "stats", direction: "sendrecv" },
  { label: "rpc", direction: "sendrecv" },
] as const;

export type SystemLabel = (typeof SYSTEM_CHANNELS)[number]["label"];

interface Line {
  readonly wish: DataChannelWish;
  readonly channel: TransportChannel;
}

export interface DataChannelCounts {
  messagesReceived: number;
  messagesSent: number;
  /** Came too fast, too large, or could not be read. */
  messagesRefused: number;
  /** Did not fit into the send buffer, or longer than the client takes. */
  messagesDropped: number;
}

/** The data channels of one member: Sora's own, and the `#` labels that it asked for. The stage opens them all. */
export class DataChannels {
  readonly events: TypedEvents<{
    /** Every channel is open. */
    open: [];
    /** A message on one of Sora's own labels, parsed. */
    system: [label: SystemLabel, message: unknown];
    /** A message on a `#` label, as it was before compression. */
    message: [label: string, data: Buffer];
    /** Every channel is closed. */
    closed: [];
  }>;
  readonly counts: DataChannelCounts = {
    messagesReceived: 0,
    messagesSent: 0,
    messagesRefused: 0,
    messagesDropped: 0,
  };
  readonly #wishes: DataChannelWish[];
  readonly #lines = new Map<string, Line>();
  readonly #limits: StageLimits;
  readonly #rate: RateLimit;
  readonly #log: Logger;
  #closed = 0;

  /** @param withRpc whether there is anything to call: without it there is no such label. */
  constructor(
    wishes: DataChannelWish[],
    withSignalling: boolean,
    withRpc: boolean,
    limits: StageLimits,
    log: Logger,
  ) {
    this.events = new TypedEvents(log);
    this.#limits = limits;
    this.#rate = new RateLimit(limits.dataMessagesPerSecond);
    this.#log = log;
    const own = withSignalling ? SYSTEM_CHANNELS.filter(({ label }) => withRpc || label !== "rpc") : [];
    // Sora compresses its own labels unless told otherwise; clients must cope with either.
    const system = own.map((line) => ({ ...line, ordered: true, protocol: "", compress: true }));
    this.#wishes = [...system, ...wishes];
  }

  /** Whether there is anything to open. */
  get wanted(): boolean {
    return this.#wishes.length > 0;
  }

  /** Whether every channel is open. */
  get open(): boolean {
    return (
      this.wanted && this.#lines.size === this.#wishes.length && this.#count("open") === this.#lines.size
    );
  }

  /** `data_channels` of the offer. */
  describe(): OfferedDataChannel[] {
    return this.#wishes.map(({ label, direction, compress, header }) => ({
      label,
      direction,
      compress,
      ...(header ? { header } : {}),
    }));
  }

  /** Opens them all on a session. */
  openOn(session: Session): void {
    for (const wish of this.#wishes) {
      const channel = session.openChannel(wish.label, {
        ordered: wish.ordered,
        protocol: wish.protocol,
        maxPacketLifeTime: wish.max_packet_life_time,
        maxRetransmits: wish.max_packet_life_time === undefined ? wish.max_retransmits : undefined,
      });
      const line = { wish, channel };
      this.#lines.set(wish.label, line);
      channel.events.on("open", () => this.#opened());
      channel.events.on("message", (data) => this.#receive(line, data));
      channel.events.on("closed", () => this.#channelClosed());
    }
    if (this.open) this.#opened();
  }

  /** Sends on one of Sora's own labels. False when it is not open or full. */
  sendSystem(label: SystemLabel, message: object): boolean {
    const line = this.#lines.get(label);
    return line !== undefined && this.#send(line, Buffer.from(JSON.stringify(message)));
  }

  /**
   * Passes on what another member sent on a `#` label. False when this one has no such label, does not
   * receive on it, or its send buffer is full: then the message is dropped and counted.
   */
  forward(label: string, message: ForwardedMessage): boolean {
    const line = this.#lines.get(label);
    if (line === undefined || line.wish.direction === "sendonly" || line.channel.state !== "open")
      return false;
    return this.#give(line, message.as(line.wish));
  }

  /** Closes every channel; `closed` tells when the far side did so too. */
  close(): void {
    for (const { channel } of this.#lines.values()) channel.close();
  }

  #send(line: Line, data: Buffer): boolean {
    if (line.channel.state !== "open") return false;
    return this.#give(line, line.wish.compress ? deflate(data) : data);
  }

  /** Never throws: one member's channel is not to keep a message from the members behind it. */
  #give({ wish, channel }: Line, bytes: Buffer): boolean {
    let sent = false;
    try {
      sent = channel.send(bytes);
    } catch (error) {
      this.#log.debug("a data-channel message could not be sent", { label: wish.label, error });
    }
    if (sent) this.counts.messagesSent++;
    else this.counts.messagesDropped++;
    return sent;
  }

  #receive({ wish }: Line, data: Buffer): void {
    if (!this.#rate.take() || data.length > this.#limits.dataMessageBytes || wish.direction === "recvonly") {
      this.counts.messagesRefused++;
      return;
    }
    try {
      const plain = wish.compress ? this.#inflate(data) : data;
      this.counts.messagesReceived++;
      if (wish.label.startsWith("#")) this.events.emit("message", wish.label, plain);
      else this.events.emit("system", wish.label as SystemLabel, parseJson(plain.toString("utf8")));
    } catch (error) {
      this.counts.messagesRefused++;
      this.#log.debug("a data-channel message could not be read", { label: wish.label, error });
    }
  }

  #inflate(data: Buffer): Buffer {
    try {
      return inflateSync(data, { maxOutputLength: this.#limits.dataMessageBytes });
    } catch (error) {
      throw TroupeError.from("INVALID_MESSAGE", error, "Not zlib data of the allowed size");
    }
  }

  #opened(): void {
    if (this.open) this.events.emit("open");
  }

  #channelClosed(): void {
    this.#closed++;
    if (this.#closed === this.#lines.size) this.events.emit("closed");
  }

  #count(state: TransportChannel["state"]): number {
    let count = 0;
    for (const { channel } of this.#lines.values()) if (channel.state === state) count++;
    return count;
  }
}
