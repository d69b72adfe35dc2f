import { type Logger, TypedEvents } from "../core/index.ts";
import type { BoundedSocket } from "./BoundedSocket.ts";
import type { DataChannels, SystemLabel } from "./dataChannels.ts";
import {
  type ConnectMessage,
  type MemberMessage,
  memberMessageSchema,
  messageType,
  parseJson,
  statsMessageSchema,
} from "./messages.ts";

/** How long the API waits for a client's statistics. */
const CLIENT_STATS_MS = 3000;

/** What one client and the stage say to each other: on its WebSocket at first, then on data channels where it asked. */
export class MemberSignalling {
  readonly events: TypedEvents<{
    message: [message: MemberMessage];
    /** A JSON-RPC call. */
    call: [message: unknown];
    /** The WebSocket is gone, and nothing else is left to talk over. */
    lost: [];
  }>;
  readonly #socketless: boolean;
  readonly #switches: boolean;
  readonly #channels: DataChannels;
  readonly #connectionId: string;
  readonly #log: Logger;
  readonly #statsWaiters = new Set<(reports: unknown[]) => void>();
  #socket: BoundedSocket | null;
  #switched = false;
  #pongAtMs = Date.now();
  #unknownLogged = false;

  constructor(
    connect: ConnectMessage,
    connectionId: string,
    socket: BoundedSocket,
    channels: DataChannels,
    log: Logger,
  ) {
    this.events = new TypedEvents(log);
    this.#switches = connect.data_channel_signaling === true;
    this.#socketless = connect.ignore_disconnect_websocket === true;
    this.#connectionId = connectionId;
    this.#socket = socket;
    this.#channels = channels;
    this.#log = log;
    socket.events.on("text", (text) => this.#receiveText(text));
    socket.events.on("closed", () => this.#socketClosed());
    channels.events.on("open", () => this.#channelsOpen());
    channels.events.on("system", (label, message) => this.#receiveSystem(label, message));
  }

  /** Says something on the WebSocket; false when there is none. */
  say(message: object): boolean {
    return this.#socket?.send(message) ?? false;
  }

  /** Says it the way that signalling goes now. */
  tell(label: "notify" | "push" | "signaling", message: object): boolean {
    return (this.#switched && this.#channels.sendSystem(label, message)) || this.say(message);
  }

  /** Asks the client for its statistics; an empty list when it does not answer within 3 s. */
  async requestStats(): Promise<unknown[]> {
    const asked = this.#switched
      ? this.#channels.sendSystem("stats", { type: "req-stats" })
      : this.say({ type: "ping", stats: true });
    if (!asked) return [];
    const { promise, resolve } = Promise.withResolvers<unknown[]>();
    this.#statsWaiters.add(resolve);
    const timer = setTimeout(() => resolve([]), CLIENT_STATS_MS);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#statsWaiters.delete(resolve);
    }
  }

  /** The time without a pong begins now. */
  expectPongs(): void {
    this.#pongAtMs = Date.now();
  }

  /** Pings a client that has a WebSocket; false when it has answered none for `pongMs`. */
  ping(pongMs: number): boolean {
    if (!this.#socket) return true;
    if (Date.now() - this.#pongAtMs > pongMs) return false;
    this.#socket.send({ type: "ping" });
    return true;
  }

  /** Says that it is over, where there is no WebSocket on which the end itself says so. */
  announceEnd(code: number, reason: string): void {
    // A client that was told to give its WebSocket up may be past listening to it.
    const deaf = this.#switched && this.#socketless;
    if (!this.#socket || deaf) this.#channels.sendSystem("signaling", { type: "close", code, reason });
  }

  /** Ends the WebSocket. */
  close(code: number, reason: string): void {
    this.#socket?.close(code, reason);
  }

  /** Nothing is listened to or waited for any more. */
  dispose(): void {
    for (const resolve of this.#statsWaiters) resolve([]);
    this.#channels.events.removeAllListeners();
    this.events.removeAllListeners();
  }

  #channelsOpen(): void {
    if (!this.#switches || this.#switched) return;
    this.#switched = true;
    this.say({ type: "switched", ignore_disconnect_websocket: this.#socketless });
  }

  #receiveText(text: string): void {
    try {
      this.#receive(parseJson(text));
    } catch (error) {
      this.#log.debug("a message that is not JSON is ignored", { error });
    }
  }

  #receiveSystem(label: SystemLabel, message: unknown): void {
    if (label === "signaling") this.#receive(message);
    if (label === "rpc") this.events.emit("call", message);
    if (label !== "stats") return;
    const stats = statsMessageSchema.safeParse(message);
    if (stats.success) this.#statsArrived(stats.data.reports);
  }

  /** Anything may come here; what is not understood is logged once and ignored. */
  #receive(value: unknown): void {
    const parsed = memberMessageSchema.safeParse(value);
    if (parsed.success) {
      if (parsed.data.type === "pong") this.#pong(parsed.data.stats);
      else this.events.emit("message", parsed.data);
      return;
    }
    if (this.#unknownLogged) return;
    this.#unknownLogged = true;
    this.#log.warn("a message of a client is not understood; more like it are ignored in silence", {
      type: messageType(value),
      connectionId: this.#connectionId,
    });
  }

  #pong(stats: unknown[] | undefined): void {
    this.#pongAtMs = Date.now();
    if (stats) this.#statsArrived(stats);
  }

  #statsArrived(reports: unknown[]): void {
    for (const resolve of this.#statsWaiters) resolve(reports);
  }

  #socketClosed(): void {
    this.#socket = null;
    if (!(this.#switched && this.#socketless)) this.events.emit("lost");
  }
}
